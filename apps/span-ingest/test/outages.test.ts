import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TELEMETRY_SETTINGS } from '@hero/bus';
import { TELEMETRY_STREAM } from '@hero/contracts';
import { type TestServer, testPostgres, until } from '@hero/testing';
import { ended, log, type PlayEmitter, started, type TestIngest, testIngest } from './ingest-service.js';

const numbersOf = async (play: PlayEmitter): Promise<number[]> => (await play.events()).map(({ seq }) => seq);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** Says one batch after the other while something happens beside it. */
async function meanwhile(play: PlayEmitter, batches: number, at: number, happens: () => Promise<void>): Promise<void> {
  let done: Promise<void> | undefined;
  for (let batch = 1; batch <= batches; batch++) {
    await play.say(log(null, `${batch}`), log(null, `${batch}`));
    if (batch === at) done = happens();
  }
  await done;
}

describe('PostgreSQL', () => {
  let postgres: TestServer;
  let s: TestIngest;

  beforeAll(async () => {
    postgres = await testPostgres();
    s = await testIngest({ databaseUrl: postgres.url });
  }, 60_000);

  afterAll(async () => {
    await s[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  });

  it('killed in the middle loses and doubles nothing: what it does not take waits in the stream', async () => {
    const play = s.play('postgres');
    await meanwhile(play, 60, 20, async () => {
      await postgres.kill();
      await postgres.restart();
    });
    expect(await numbersOf(play)).toEqual(upTo(120));
  }, 60_000);

  it('away when the service stops: what was held is handed back and stored by the next', async () => {
    const play = s.play('handed-back');
    const [service] = s.services;
    await postgres.kill();
    await play.say(log(null, 'one'));
    const { durable_name } = TELEMETRY_SETTINGS.consumer;
    await until(async () => (await s.bus.jsm.consumers.info(TELEMETRY_STREAM, durable_name)).num_ack_pending === 1);
    await service?.bus.flush();
    await service?.stop();
    await postgres.restart();
    await s.start();
    expect(await numbersOf(play)).toEqual([1]);
  }, 60_000);
});

describe('NATS', () => {
  it('with its whole JetStream folder deleted is served again, and what was stored stays', async () => {
    await using s = await testIngest();
    const play = s.play('jetstream');
    await play.say(started(1, null, 'main'));
    await play.stored();
    await s.nats.stop();
    await rm(join(s.nats.folder, 'state', 'nats', 'store'), { recursive: true });
    await s.nats.restart();
    await play.say(ended(1));
    expect(await play.drawn()).toEqual(['main success@1']);
    expect(await numbersOf(play)).toEqual([1, 2]);
  }, 60_000);

  it('killed in the middle loses and doubles nothing that its stream took', async () => {
    await using s = await testIngest();
    const play = s.play('nats');
    for (let batch = 1; batch <= 30; batch++) await play.say(log(null, `${batch}`));
    await s.nats.kill();
    await s.nats.restart();
    await play.say(log(null, 'after'));
    expect(await numbersOf(play)).toEqual(upTo(31));
  }, 60_000);
});
