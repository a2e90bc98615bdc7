import { EventEmitter, once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Bus,
  connectBus,
  consumePull,
  ensureConsumer,
  ensureStream,
  type Pull,
  type PullEvent,
  type PulledMessage,
  publishJson,
} from '@hero/bus';
import { testNats, until } from '@hero/testing';
import { AckPolicy, RetentionPolicy } from '@nats-io/jetstream';

const stream = { name: 'WORK', subjects: ['work'], retention: RetentionPolicy.Workqueue };
const consumer = { durable_name: 'workers', ack_policy: AckPolicy.Explicit, ack_wait: 30_000_000_000, max_deliver: -1 };

/** Takes messages as long as it has room, as an executor does. */
class Worker extends EventEmitter {
  readonly got: unknown[] = [];
  readonly events: PullEvent[] = [];
  readonly pull: Pull;
  held: PulledMessage[] = [];

  constructor(
    bus: Bus,
    public room: number,
    heartbeatMs = 500,
    private readonly keeps = false,
  ) {
    super();
    this.pull = consumePull(bus, {
      stream,
      consumer,
      max: () => this.room,
      onMessages: (messages) => this.take(messages),
      heartbeatMs,
      onEvent: (event) => {
        this.events.push(event);
        this.emit(event.type);
      },
    });
  }

  private take(messages: PulledMessage[]): void {
    this.room -= messages.length;
    for (const message of messages) {
      this.got.push(message.json());
      message.ack();
    }
    if (this.keeps) this.held.push(...messages);
    this.emit('got');
  }

  free(slots: number): void {
    this.room += slots;
    this.pull.wake();
  }

  has(count: number): Promise<true> {
    return until(async () => this.got.length >= count, { what: `${count} messages, got ${this.got.length}` });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.pull.stop();
  }
}

const publish = (bus: Bus, ...numbers: number[]) => Promise.all(numbers.map((n) => publishJson(bus.js, 'work', { n })));
const waiting = async (bus: Bus): Promise<number> => (await bus.jsm.consumers.info('WORK', 'workers')).num_pending;
const openRequests = async (bus: Bus): Promise<number> => (await bus.jsm.consumers.info('WORK', 'workers')).num_waiting;

describe('pulling', () => {
  it('takes exactly as many messages as there is room for, and more when room becomes free', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    await using worker = new Worker(bus, 3);
    await once(worker, 'ensured');
    await publish(bus, 1, 2, 3, 4, 5);
    await worker.has(3);
    await bus.flush();
    expect([worker.got.length, await waiting(bus), await openRequests(bus)]).toEqual([3, 2, 0]);
    worker.free(1);
    await worker.has(4);
    expect(await waiting(bus)).toBe(1);
    worker.free(4);
    await worker.has(5);
    await publish(bus, 6, 7, 8, 9);
    await worker.has(8);
    expect(worker.got).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((n) => ({ n })));
  });

  it('without room asks for nothing', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    await using worker = new Worker(bus, 0);
    await once(worker, 'ensured');
    await publish(bus, 1);
    expect(await openRequests(bus)).toBe(0);
    worker.free(1);
    await worker.has(1);
  });

  it('goes on when a request expires or hears nothing for long', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    const ended = new EventEmitter();
    const got: unknown[] = [];
    const whys: string[] = [];
    const pull = consumePull(bus, {
      stream,
      consumer,
      max: () => 1,
      expiresMs: 1_000,
      heartbeatMs: 400,
      onMessages: (messages) => {
        for (const message of messages) {
          got.push(message.json());
          message.ack();
        }
        ended.emit('got');
      },
      onEvent: (event) => {
        if (event.type !== 'ended') return;
        whys.push(event.why);
        ended.emit('ended');
      },
    });
    await once(ended, 'ended');
    expect(whys[0]).toMatch(/^408/);
    const gets = once(ended, 'got');
    await publish(bus, 1);
    await gets;
    expect(got).toEqual([{ n: 1 }]);
    await pull.stop();
    expect(whys.filter((why) => why === 'heartbeats missing')).toEqual([]);
  });

  it('shares the work among several without doubling it', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'one' });
    await using other = await connectBus({ url: nats.url, name: 'two' });
    await using one = new Worker(bus, 20);
    await using two = new Worker(other, 20);
    await Promise.all([once(one, 'ensured'), once(two, 'ensured')]);
    await publish(bus, ...Array.from({ length: 40 }, (_, n) => n));
    await until(async () => one.got.length + two.got.length === 40);
    const numbers = [...one.got, ...two.got].map((value) => (value as { n: number }).n);
    expect(new Set(numbers).size).toBe(40);
  });

  it('gets a message again that was handed back, with its delivery counted', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    const seen: number[] = [];
    const done = new EventEmitter();
    const pull = consumePull(bus, {
      stream,
      consumer,
      max: () => 5,
      onMessages: ([message]) => {
        if (!message) return;
        seen.push(message.deliveries);
        if (message.deliveries < 3) return message.nak(message.deliveries === 1 ? 0 : 30);
        message.ack();
        done.emit('done', message.seq);
      },
    });
    const finished = once(done, 'done');
    await once(done, 'never', { signal: AbortSignal.timeout(1) }).catch(() => undefined);
    await until(async () => (await publish(bus, 1).catch(() => false)) !== false);
    expect(await finished).toEqual([1]);
    expect(seen).toEqual([1, 2, 3]);
    await pull.stop();
  });

  it('stops when its signal does, and leaves the rest to others', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    const controller = new AbortController();
    const pull = consumePull(bus, {
      stream,
      consumer,
      max: () => 1,
      onMessages: () => undefined,
      signal: controller.signal,
      onEvent: (event) => event.type === 'pulling' && controller.abort(),
    });
    await once(controller.signal, 'abort');
    await pull.stop();
    await bus.flush();
    await publish(bus, 1);
    expect(await waiting(bus)).toBe(1);
    await using next = new Worker(bus, 1);
    await next.has(1);
  });
});

describe('pulling survives', () => {
  it('a kill of the server', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    await using worker = new Worker(bus, 10);
    await once(worker, 'ensured');
    for (let n = 1; n <= 2; n++) {
      const ensured = once(worker, 'ensured');
      await nats.kill();
      await nats.restart();
      await ensured;
      await publish(bus, n);
      await worker.has(n);
    }
    expect(worker.got).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('a deleted consumer and a deleted stream, with and without an open request', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    await using worker = new Worker(bus, 1);
    await once(worker, 'ensured');
    const deletions = [() => bus.jsm.consumers.delete('WORK', 'workers'), () => bus.jsm.streams.delete('WORK')];
    let n = 0;
    for (const deletion of deletions) {
      const ensured = once(worker, 'ensured');
      await deletion();
      await ensured;
      await publish(bus, ++n);
      await worker.has(n);
      const idle = once(worker, 'ensured');
      await deletion();
      worker.free(1);
      await idle;
    }
    expect(worker.events.filter((event) => event.type === 'failed')).toEqual([]);
  });

  it('the loss of the whole JetStream folder', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    await using worker = new Worker(bus, 10);
    await once(worker, 'ensured');
    await publish(bus, 1);
    await worker.has(1);
    const ensured = once(worker, 'ensured');
    await nats.kill();
    await rm(join(nats.folder, 'state', 'nats', 'store', 'jetstream'), { recursive: true });
    await nats.restart();
    await ensured;
    await publish(bus, 2);
    await worker.has(2);
  });

  it('a folder that vanishes under the running server, once the server is started again', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    await using worker = new Worker(bus, 10);
    await once(worker, 'ensured');
    await rm(join(nats.folder, 'state', 'nats', 'store', 'jetstream'), { recursive: true });
    await publish(bus, 1).catch(() => undefined);
    const back = new Promise<void>((resolve) => bus.onReconnect(resolve));
    await nats.restart();
    await back;
    await until(async () => (await publish(bus, 2).catch(() => false)) !== false);
    await until(async () => worker.got.some((value) => (value as { n: number }).n === 2));
  });

  it('a handler of messages that throws', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    const events = new EventEmitter();
    let turn = 0;
    const pull = consumePull(bus, {
      stream,
      consumer,
      max: () => 1,
      onMessages: async ([message]) => {
        if (++turn === 1) {
          message?.nak();
          throw new Error('once');
        }
        message?.ack();
        events.emit('handled');
      },
    });
    const handled = once(events, 'handled');
    await until(async () => (await publish(bus, 1).catch(() => false)) !== false);
    await handled;
    await pull.stop();
  });
});

describe('streams and consumers', () => {
  it('are made once, changed when their settings change, and say what the server does not do', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    const made = await Promise.all([ensureStream(bus.jsm, stream), ensureStream(bus.jsm, stream)]);
    expect(made[0].created).toBe(made[1].created);
    const changed = await ensureStream(bus.jsm, { ...stream, max_msgs: 7 });
    expect([changed.config.max_msgs, changed.created]).toEqual([7, made[0].created]);
    expect((await ensureConsumer(bus.jsm, 'WORK', consumer)).config.ack_wait).toBe(30_000_000_000);
    expect((await ensureConsumer(bus.jsm, 'WORK', { ...consumer, max_ack_pending: 5 })).config.max_ack_pending).toBe(5);
    const ofTomorrow: object = { flies: true };
    await expect(ensureStream(bus.jsm, { ...stream, ...ofTomorrow })).rejects.toThrow(/flies|invalid JSON/);
  });

  it('store a message with an id once; without a stream, publishing is UNAVAILABLE', async () => {
    await using nats = await testNats();
    await using bus = await connectBus({ url: nats.url, name: 'worker' });
    await expect(publishJson(bus.js, 'work', {})).rejects.toMatchObject({ code: 'UNAVAILABLE', retry: true });
    await ensureStream(bus.jsm, stream);
    const first = await publishJson(bus.js, 'work', {}, { msgID: 'a:1' });
    const second = await publishJson(bus.js, 'work', {}, { msgID: 'a:1' });
    expect([first.duplicate, second.duplicate, second.seq]).toEqual([false, true, first.seq]);
  });
});
