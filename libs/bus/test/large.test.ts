import { connectBus } from '@hero/bus';
import { MIB, PAYLOAD_LIMIT } from '@hero/contracts';
import { testNats, type TestServer } from '@hero/testing';
import { openDoor } from './door.js';
import { echo } from './methods.js';

// The subjects are the real ones: on a shared server another suite's door would answer.
let nats: TestServer;
beforeAll(async () => {
  nats = await testNats();
});
afterAll(async () => {
  await nats[Symbol.asyncDispose]();
});

const text = (bytes: number): string => 'héro '.repeat(Math.ceil(bytes / 6)).slice(0, bytes);

describe('a body larger than one NATS message', () => {
  it('of 16 MiB goes both ways, with several responders in the queue group', async () => {
    const natsUrl = nats.url;
    await using one = await openDoor(natsUrl, { name: 'one' });
    await using two = await openDoor(natsUrl, { name: 'two' });
    await using bus = await connectBus({ url: natsUrl, name: 'asker' });
    const large = 'x'.repeat(PAYLOAD_LIMIT);
    const by = new Set<string>();
    for (let turn = 0; turn < 40 && by.size < 2; turn++) {
      const answer = await bus.ask(echo, { text: large });
      expect(answer.text === large).toBe(true);
      by.add(answer.by);
    }
    expect(by).toEqual(new Set(['one', 'two']));
    await Promise.all([one.bus.flush(), two.bus.flush(), bus.flush()]);
    expect([bus, one.bus, two.bus].map((b) => b.parcels.heldBytes)).toEqual([0, 0, 0]);
  });

  it('keeps its text whatever its size is around the limit of a message', async () => {
    const natsUrl = nats.url;
    await using door = await openDoor(natsUrl);
    await using bus = await connectBus({ url: natsUrl, name: 'asker' });
    const envelope = JSON.stringify({ text: '', times: 1 }).length;
    for (const around of [-1, 0, 1, 1 - envelope, bus.pageBytes]) {
      const large = text(bus.pageBytes + around);
      expect((await bus.ask(echo, { text: large })).text === large).toBe(true);
    }
    expect(door.bus.pageBytes).toBe((MIB / 8) * 7);
  });

  it('travels beside others at the same time', async () => {
    const natsUrl = nats.url;
    await using _one = await openDoor(natsUrl, { name: 'one' });
    await using _two = await openDoor(natsUrl, { name: 'two' });
    await using bus = await connectBus({ url: natsUrl, name: 'asker' });
    const asked = Array.from({ length: 12 }, async (_, n) => {
      const large = String(n).repeat((n + 1) * 300_000);
      return (await bus.ask(echo, { text: large })).text === large;
    });
    expect(await Promise.all(asked)).toEqual(asked.map(() => true));
  });

  it('whose sender is gone is UNAVAILABLE to its receiver, which goes on', async () => {
    const natsUrl = nats.url;
    await using _door = await openDoor(natsUrl);
    await using bus = await connectBus({ url: natsUrl, name: 'asker' });
    const parcel = bus.parcels.hold(Buffer.alloc(2 * MIB), bus.pageBytes);
    parcel.release();
    const { headers } = await import('@nats-io/transport-node');
    const stub = headers();
    for (const [key, value] of Object.entries({ pages: parcel.pages, bytes: parcel.bytes, from: parcel.from })) {
      stub.set(`hero-${key}`, String(value));
    }
    const reply = await bus.nc.request('hero.registry.echo', undefined, { timeout: 2_000, headers: stub });
    expect(reply.headers?.get('hero-error')).toBe('UNAVAILABLE');
    stub.set('hero-pages', '-1');
    const damaged = await bus.nc.request('hero.registry.echo', undefined, { timeout: 2_000, headers: stub });
    expect(damaged.headers?.get('hero-error')).toBe('INVALID_PARAMS');
    expect(await bus.ask(echo, { text: 'on' })).toMatchObject({ text: 'on' });
  });

  it('is refused when too many are under way, instead of eating memory', async () => {
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    const body = Buffer.alloc(64 * MIB);
    const parcels = Array.from({ length: 4 }, () => bus.parcels.hold(body, bus.pageBytes));
    expect(() => bus.parcels.hold(body, bus.pageBytes)).toThrow('Too many large messages');
    for (const parcel of parcels) parcel.release();
    expect(bus.parcels.heldBytes).toBe(0);
  });
});
