/** PostgreSQL is killed during writes: no answered write is lost, none is applied twice, no play is taken over. */
import { HeroError, playStart } from '@hero/contracts';
import { testPostgres } from '@hero/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Claim, type Mine, PlayService, question, step } from './play-service.js';

const PLAYS = 12;
const STEPS = 40;

let postgres: Awaited<ReturnType<typeof testPostgres>>;
let registry: PlayService;
beforeAll(async () => {
  postgres = await testPostgres({ durable: true });
  registry = await PlayService.start(postgres.url);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

/** Repeats a call until it is answered, as an executor does. */
async function answered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof HeroError) || !error.retry) throw error;
    }
  }
}

/** Renews the lease as an executor does, until it is stopped. */
function renewing(owner: string, claims: Claim[]): { stop(): Promise<void> } {
  let going = true;
  const loop = (async () => {
    while (going) {
      await answered(() => registry.lease(owner, ...claims));
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  })();
  return {
    async stop() {
      going = false;
      await loop;
    },
  };
}

test('commits, pauses and ends continue where they were', async () => {
  const owner = 'executor-a';
  const claims: Mine[] = [];
  const lease = renewing(owner, claims);
  for (let n = 0; n < PLAYS; n++) claims.push(await registry.running(owner));
  let committed = 0;
  let working: Promise<unknown> = Promise.resolve();
  const half = new Promise<void>((resolve) => {
    const work = async (mine: Mine): Promise<void> => {
      for (let group = 1; group <= STEPS; group++) {
        const steps = [step(`${group}`, { group })];
        expect(await answered(() => registry.commit(mine, group, steps, 0.25))).toEqual({ result: 'done' });
        if (++committed === (PLAYS * STEPS) / 2) resolve();
      }
    };
    working = Promise.all(claims.map(work));
  });
  await half;
  await postgres.kill();
  await postgres.restart();
  await working;
  for (const mine of claims) {
    const paused = await answered(() => registry.pause(mine, STEPS + 1, [question('go on?')]));
    expect(paused.result).toBe('suspended');
  }
  await postgres.kill();
  const exits = claims.map((mine) => answered(() => registry.exit(mine)));
  await postgres.restart();
  expect(new Set(await Promise.all(exits))).toEqual(new Set(['awaiting_resume']));
  await lease.stop();
  for (const { play_sid } of claims) {
    const row = await registry.row(play_sid);
    expect(row).toMatchObject({ status: 'awaiting_resume', epoch: 1, attempt: 1, crashes: 0 });
    expect(row.total_cost_usd).toBe(STEPS * 0.25);
    const { step_outputs = [] } = await registry.play(play_sid);
    expect(step_outputs.map(({ output }) => output)).toEqual(
      Array.from({ length: STEPS }, (_, n) => ({ group: n + 1 })),
    );
  }
}, 120_000);

test('calls during the outage get UNAVAILABLE, and succeed as soon as it is back', async () => {
  await postgres.kill();
  const asked = registry.bus.ask(playStart, { workflow_sid: registry.workflowSid });
  await expect(asked).rejects.toMatchObject({ code: 'UNAVAILABLE', retry: true });
  await postgres.restart();
  const play = await answered(() => registry.bus.ask(playStart, { workflow_sid: registry.workflowSid }));
  await registry.woken(play.sid);
}, 60_000);
