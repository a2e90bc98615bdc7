import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type Bus,
  connectBus,
  consumePull,
  ensureConsumer,
  ensureStream,
  OrphanedMessages,
  publishJson,
  type StreamAndConsumer,
} from '@hero/bus';
import { testNats, until } from '@hero/testing';
import { AckPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream';

const run = promisify(execFile);

const queue: StreamAndConsumer = {
  stream: { name: 'WORK', subjects: ['work'], retention: RetentionPolicy.Workqueue, storage: StorageType.File },
  consumer: { durable_name: 'workers', ack_policy: AckPolicy.Explicit, ack_wait: 30_000_000_000, max_deliver: -1 },
};
const { stream, consumer } = queue;
const reconnected = (bus: Bus): Promise<void> => new Promise((resolve) => bus.onReconnect(resolve));
const held = async (bus: Bus): Promise<number> => (await bus.jsm.streams.info(stream.name)).state.messages;

it('what a killed server brought back though it was acked is delivered again, and leaves', async () => {
  await using nats = await testNats();
  await using bus = await connectBus({ url: nats.url, name: 'worker' });
  await ensureStream(bus.jsm, stream);
  await ensureConsumer(bus.jsm, stream.name, consumer);
  for (let n = 1; n <= 20; n++) await publishJson(bus.js, 'work', { n });
  // The disk as it is when the server is killed after it noted the acks and before it removed the messages.
  const messages = join(nats.folder, 'state', 'nats', 'store', 'jetstream', '$G', 'streams', stream.name, 'msgs');
  let back = reconnected(bus);
  await nats.kill();
  await run('cp', ['-a', messages, `${messages}-before`]);
  await nats.restart();
  await back;
  const got: number[] = [];
  let orphans = 0;
  const pull = consumePull(bus, {
    ...queue,
    orphansEveryMs: 100,
    onEvent: (event) => {
      if (event.type === 'orphans') orphans += event.messages;
    },
    max: () => 100,
    onMessages: (arrived) => {
      for (const message of arrived) {
        got.push((message.json() as { n: number }).n);
        message.ack();
      }
    },
  });
  await until(async () => (await held(bus)) === 0);
  back = reconnected(bus);
  await nats.stop();
  await rm(messages, { recursive: true });
  await run('mv', [`${messages}-before`, messages]);
  await nats.restart();
  await back;

  await until(async () => (await held(bus)) === 0);
  expect(orphans).toBe(20);
  expect(new Set(got).size).toBe(20);
  await pull.stop();
});

it('what is on its way is left alone: a queue that is worked on keeps its consumer', async () => {
  await using nats = await testNats();
  await using bus = await connectBus({ url: nats.url, name: 'worker' });
  await ensureStream(bus.jsm, stream);
  const { created } = await ensureConsumer(bus.jsm, stream.name, consumer);
  const orphans = new OrphanedMessages(bus, queue);
  let acked = 0;
  const pull = consumePull(bus, {
    ...queue,
    max: () => 3,
    onMessages: (arrived) => {
      for (const message of arrived) message.ack();
      acked += arrived.length;
    },
  });
  for (let n = 1; n <= 60; n++) {
    await publishJson(bus.js, 'work', { n });
    if (n % 3 === 0) expect(await orphans.redeliver()).toBe(0);
  }
  await until(async () => acked === 60);
  expect((await bus.jsm.consumers.info(stream.name, consumer.durable_name)).created).toBe(created);
  await pull.stop();
});
