import { once } from 'node:events';
import { connectBus } from '@hero/bus';
import { testNats, until } from '@hero/testing';
import { openDoor, DoorState } from './door.js';
import { echo, wait, work } from './methods.js';

describe('when the NATS server is killed and comes back', () => {
  it('idempotent questions of that time are all answered', async () => {
    await using nats = await testNats();
    await using _door = await openDoor(nats.url);
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    let asking = true;
    let answered = 0;
    const askers = Array.from({ length: 8 }, async (_, n) => {
      while (asking) {
        const text = `${n}:${answered}`;
        expect((await bus.ask(echo, { text })).text).toBe(text);
        answered++;
      }
    });
    for (let kill = 1; kill <= 2; kill++) {
      const busy = async () => answered >= 8 * kill;
      await until(busy, { within: 5_000, what: 'answers before the kill' });
      await nats.kill();
      await nats.restart();
      await bus.ask(echo, { text: 'back' });
    }
    asking = false;
    await Promise.all(askers);
    expect(answered).toBeGreaterThan(16);
  });

  it('a question that is not idempotent has its effect once, and its reply still comes', async () => {
    await using nats = await testNats();
    await using door = await openDoor(nats.url);
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    let release: (value?: unknown) => void = () => undefined;
    door.state.hold = new Promise((resolve) => {
      release = resolve;
    });
    const working = once(door.state, 'working');
    const asked = bus.ask(work, { key: 'a' });
    await working;
    await nats.kill();
    await nats.restart();
    await Promise.all([bus.flush(), door.bus.flush()]);
    release();
    expect(await asked).toEqual({ count: 1 });
    expect(door.state.worked).toBe(1);
  });

  it('nobody who waits is lost', async () => {
    await using nats = await testNats();
    await using door = await openDoor(nats.url);
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    const slice = once(door.state, 'slice');
    const asked = bus.ask(wait, {});
    await slice;
    await nats.kill();
    const again = once(door.state, 'slice');
    await nats.restart();
    await again;
    door.state.turnGreen();
    expect(await asked).toMatchObject({ light: 'green' });
  });

  it('a question while it is away is UNAVAILABLE, and nothing of it is sent later', async () => {
    await using nats = await testNats();
    await using door = await openDoor(nats.url);
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    await nats.kill();
    await until(async () => !bus.connected);
    await expect(bus.ask(work, { key: 'a' }, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await nats.restart();
    await bus.ask(echo, { text: 'back' });
    expect(door.state.worked).toBe(0);
  });

  it('those who follow go on following', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'follower' });
    await using teller = await connectBus({ url: nats.url, name: 'teller' });
    const heard = new DoorState();
    await bus.follow('hero.events.test.x', () => heard.emit('heard'));
    const back = Promise.all([bus, teller].map((b) => new Promise<void>((resolve) => b.onReconnect(resolve))));
    await nats.kill();
    await nats.restart();
    await back;
    await bus.flush();
    const hears = once(heard, 'heard');
    teller.announce('hero.events.test.x', {});
    await hears;
  });
});

describe('when a service restarts', () => {
  it('those who wait are handed to the next instance', async () => {
    await using nats = await testNats();
    const first = await openDoor(nats.url);
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    const slice = once(first.state, 'slice');
    const asked = bus.ask(wait, {});
    await slice;
    await first.close();
    await using second = await openDoor(nats.url);
    if (second.state.slices === 0) await once(second.state, 'slice');
    second.state.turnGreen();
    expect(await asked).toMatchObject({ light: 'green' });
  });

  it('a wait without a limit gives up after a long outage, one with a limit at its limit', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'asker', outageLimitMs: 200 });
    const unavailable = { code: 'UNAVAILABLE' };
    await expect(bus.ask(wait, {}, { retryUnavailable: false })).rejects.toMatchObject(unavailable);
    const limited = bus.ask(wait, { timeout_ms: 600 }, { retryUnavailable: false });
    const since = performance.now();
    await expect(limited).rejects.toMatchObject(unavailable);
    expect(performance.now() - since).toBeGreaterThan(500);
  });

  it('running questions are answered before the door is closed, new ones go to others', async () => {
    await using nats = await testNats();
    const door = await openDoor(nats.url);
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    let release: (value?: unknown) => void = () => undefined;
    door.state.hold = new Promise((resolve) => {
      release = resolve;
    });
    const working = once(door.state, 'working');
    const asked = bus.ask(work, { key: 'a' });
    await working;
    const closed = door.close();
    await using _other = await openDoor(nats.url, { name: 'other' });
    expect(await bus.ask(echo, { text: 'x' })).toMatchObject({ text: 'x' });
    release();
    expect(await asked).toEqual({ count: 1 });
    await closed;
    expect(await bus.ask(echo, { text: 'x' })).toMatchObject({ by: 'other' });
  });

  it('a handler that never ends does not hold up the stop beyond its bound', async () => {
    await using nats = await testNats();
    const door = await openDoor(nats.url, { drainMs: 200 });
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    door.state.hold = new Promise(() => undefined);
    const working = once(door.state, 'working');
    const asked = bus.ask(work, { key: 'a' }, { timeoutMs: 1_000 });
    await working;
    await door.close();
    expect(door.server.inFlight).toBe(1);
    await expect(asked).rejects.toMatchObject({ code: 'TIMEOUT' });
  });
});

describe('the first connection', () => {
  it('waits for the server, up to a limit', async () => {
    await using nats = await testNats();
    const { url } = nats;
    await nats.kill();
    await expect(connectBus({ url, name: 'early', firstConnectWithinMs: 300 })).rejects.toThrow(
      /No NATS server answers/,
    );
    const connecting = connectBus({ url, name: 'early' });
    await nats.restart();
    await using bus = await connecting;
    await bus.flush();
  });

  it('says at once that it is not let in, without the password', async () => {
    await using nats = await testNats();
    const url = nats.url.replace(/\/\/.*@/, '//hero:wrongpassword@');
    const error = await connectBus({ url, name: 'intruder' }).catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/Authorization Violation/i);
    expect(String(error)).not.toContain('wrongpassword');
  });
});
