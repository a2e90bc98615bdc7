import { performance } from 'node:perf_hooks';
import { connectBus } from '@hero/bus';
import type { Street } from '@hero/conformance';
import { allChanges } from '@hero/contracts';
import { HeroClient, unixTransport } from '@hero/openrpc';
import pg from 'pg';
import { type Figure, percentile, single, spread } from './figures.js';
import { FAN_OUT, PAUSE, PIPELINED, SPANS, spawns, STEPS, TRIVIAL } from './flows.js';

let saved = 0;

export async function save(hero: HeroClient, name: string, python_source: string): Promise<string> {
  return (await hero.workflow_create({ name: `bench ${name} ${++saved}`, python_source })).sid;
}

export async function run(
  hero: HeroClient,
  workflow_sid: string,
  input_data: Record<string, never | unknown> = {},
): Promise<unknown> {
  const play = await hero.play_start({ workflow_sid, input_data: input_data as Record<string, null> });
  const ended = await hero.play_wait({ play_sid: play.sid });
  if (ended.status !== 'success')
    throw new Error(`play ${play.sid} is ${ended.status}: ${JSON.stringify(ended.error)}`);
  return ended.output_data;
}

/** The floor: one PostgreSQL commit of a payload like a step's, on one connection to the same server. */
export async function commitFloor(databaseUrl: string, samples = 500): Promise<Figure> {
  const db = new pg.Client({ connectionString: databaseUrl });
  await db.connect();
  try {
    await db.query('CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, outcome text)');
    const outcome = JSON.stringify({ i: 1, text: 'x'.repeat(100) });
    const took: number[] = [];
    for (let i = 0; i < samples + 20; i++) {
      const began = performance.now();
      await db.query({ name: 'floor', text: 'INSERT INTO bench_floor (outcome) VALUES ($1)', values: [outcome] });
      if (i >= 20) took.push(performance.now() - began);
    }
    await db.query('DROP TABLE bench_floor');
    return spread('one PostgreSQL commit (floor)', 'ms', took);
  } finally {
    await db.end();
  }
}

/** Services that just started run unoptimised code: figures of the first seconds say how fast V8 compiles. */
export async function warmUp(hero: HeroClient, plays = 600): Promise<void> {
  await many(hero, await save(hero, 'warm-up', TRIVIAL), plays);
}

async function many(hero: HeroClient, sid: string, total: number): Promise<void> {
  let next = 0;
  const player = async (): Promise<void> => {
    while (next++ < total) await run(hero, sid);
  };
  await Promise.all(Array.from({ length: 24 }, player));
}

export async function trivialPlays(hero: HeroClient): Promise<Figure[]> {
  const sid = await save(hero, 'trivial', TRIVIAL);
  const took: number[] = [];
  for (let i = 0; i < 200; i++) {
    const began = performance.now();
    await run(hero, sid);
    took.push(performance.now() - began);
  }
  const total = 1000;
  const began = performance.now();
  await many(hero, sid, total);
  return [
    spread('trivial play, one after the other', 'ms', took, { target: { most: 6 } }),
    single('trivial plays, 24 at a time', 'plays/s', total / ((performance.now() - began) / 1000), {
      target: { least: 200 },
    }),
  ];
}

export async function durableSteps(hero: HeroClient, floor: Figure): Promise<Figure[]> {
  const sid = await save(hero, 'steps', STEPS);
  await run(hero, sid, { count: 100 });
  const took = (await run(hero, sid, { count: 1000 })) as number[];
  const steps = spread('durable step', 'ms', took);
  return [steps, single('durable step above one commit', 'ms', steps.p50 - floor.p50, { target: { most: 0.75 } })];
}

export async function pipelinedSteps(hero: HeroClient): Promise<Figure[]> {
  const sid = await save(hero, 'pipelined', PIPELINED);
  await run(hero, sid, { count: 100 });
  const count = 5_000;
  const { took, flush } = (await run(hero, sid, { count })) as { took: number[]; flush: number };
  const whole = took.reduce((sum, each) => sum + each, 0);
  return [
    spread('pipelined step', 'ms', took),
    single(`  mean of ${count}`, 'ms', whole / count, { target: { most: 0.05 } }),
    single('  with the flush at the end', 'ms', (whole + flush) / count),
  ];
}

export async function spawnedChildren(hero: HeroClient): Promise<Figure> {
  const { name } = await hero.workflow_get({ workflow_sid: await save(hero, 'child', TRIVIAL) });
  const sid = await save(hero, 'spawns', spawns(name));
  await run(hero, sid, { count: 5 });
  const took = (await run(hero, sid, { count: 50 })) as number[];
  return spread('spawned trivial child, from call to output', 'ms', took, { target: { most: 12 } });
}

export async function fanOut(hero: HeroClient): Promise<Figure[]> {
  const sid = await save(hero, 'fan-out', FAN_OUT);
  const figures: Figure[] = [];
  let thousand = Number.NaN;
  for (const count of [1_000, 10_000]) {
    const took = (await run(hero, sid, { count })) as number;
    if (count === 1_000) thousand = took;
    figures.push(
      single(`fan-out of ${count} remembered steps`, 'ms', took, {
        ...(count === 10_000 && {
          target: { most: 800 },
          note: `${(took / thousand).toFixed(1)} × the time of 1,000`,
        }),
      }),
    );
  }
  const small = await replay(hero, sid, 1_000);
  const large = await replay(hero, sid, 10_000);
  figures.push(
    single('replay of 1,000 remembered steps, in the flow', 'ms', small.inFlow),
    single('replay of 10,000, in the flow', 'ms', large.inFlow, {
      target: { most: 120 },
      note: `${(large.inFlow / small.inFlow).toFixed(1)} × the time of 1,000`,
    }),
    single('  the same from answer to end of the play', 'ms', large.whole),
  );
  return figures;
}

/** A fan-out that waits and is then replayed. */
export async function replay(
  hero: HeroClient,
  workflow_sid: string,
  count: number,
): Promise<{ inFlow: number; whole: number }> {
  const play = await hero.play_start({ workflow_sid, input_data: { count, pause: true } });
  for (let status = ''; status !== 'awaiting_resume'; ) {
    status = (await hero.play_wait({ play_sid: play.sid, until: 'settled', timeout_ms: 100 })).status;
    if (status === 'failed') throw new Error('the fan-out failed');
  }
  const began = performance.now();
  await hero.play_resume({ play_sid: play.sid, name: 'go', payload: null });
  const ended = await hero.play_wait({ play_sid: play.sid });
  return { inFlow: ended.output_data as number, whole: performance.now() - began };
}

export async function pauseToRunning(street: Street, hero: HeroClient, samples = 60): Promise<Figure[]> {
  const sid = await save(hero, 'pause', PAUSE);
  const bus = await connectBus({ url: street.nats.url, name: 'bench' });
  const seen = new Map<string, number>();
  const waits = new Map<string, () => void>();
  const watch = await bus.follow(allChanges('play'), (data) => {
    const { play_sid, status } = data as { play_sid: string; status: string };
    seen.set(`${play_sid} ${status}`, performance.now());
    waits.get(`${play_sid} ${status}`)?.();
  });
  const until = (play: string, status: string): Promise<void> =>
    seen.has(`${play} ${status}`) ? Promise.resolve() : new Promise((done) => waits.set(`${play} ${status}`, done));
  const running: number[] = [];
  const code: number[] = [];
  for (let i = 0; i < samples; i++) {
    const { sid: play } = await hero.play_start({ workflow_sid: sid });
    await until(play, 'awaiting_resume');
    seen.delete(`${play} running`);
    const began = performance.now();
    const at = Date.now();
    await hero.play_resume({ play_sid: play, name: 'go', payload: null });
    await until(play, 'running');
    running.push((seen.get(`${play} running`) ?? Number.NaN) - began);
    code.push(((await hero.play_wait({ play_sid: play })).output_data as number) - at);
  }
  await watch.stop();
  await bus.drain();
  return [
    spread('answer to running again, process gone', 'ms', running, { target: { most: 5 } }),
    spread('answer to the line after the pause', 'ms', code),
  ];
}

export async function spanToSse(hero: HeroClient): Promise<Figure[]> {
  const sid = await save(hero, 'spans', SPANS);
  const { sid: play } = await hero.play_start({ workflow_sid: sid, input_data: { rate: 1_000, seconds: 5 } });
  const took: number[] = [];
  for await (const message of hero.follow(play)) {
    const seen = Date.now();
    if (message.kind !== 'event' || message.event.type !== 'span_started') continue;
    const { emitted } = message.event.tags as { emitted?: number };
    if (emitted !== undefined) took.push(seen - emitted);
  }
  const sorted = [...took].sort((a, b) => a - b);
  return [
    spread('emitted to SSE at 1,000 spans/s', 'ms', took),
    single('  its p99', 'ms', percentile(sorted, 0.99), { target: { most: 50 } }),
  ];
}

export const client = (street: Street): HeroClient => new HeroClient(unixTransport(street.rpcSocket));
