import { performance } from 'node:perf_hooks';
import { Street } from '@hero/conformance';
import type { HeroClient } from '@hero/openrpc';
import { FAN_OUT, NOTHING_STEPS, PAUSE, spawns, TRIVIAL } from '../flows.js';
import { client, replay, run, save } from '../plays.js';
import type { System, Work } from './system.js';

export interface HeroSystem extends System {
  readonly street: Street;
  readonly hero: HeroClient;
}

/** This checkout: every service a process of its own, one executor with 16 slots, sandbox `default` unless HERO_SANDBOX says otherwise. */
export async function startHero(): Promise<HeroSystem> {
  const street = await Street.start({ executors: 1, slots: 16, ownPostgres: true });
  const hero = client(street);
  const saved = new Map<string, Promise<string>>();
  const sidOf = (source: string): Promise<string> => {
    const sid = saved.get(source) ?? save(hero, 'with peers', source);
    saved.set(source, sid);
    return sid;
  };

  const one = async (source: string, input: Record<string, unknown> = {}): Promise<unknown> =>
    await run(hero, await sidOf(source), input);
  const list = async (source: string, input: Record<string, unknown>): Promise<number[]> =>
    [await one(source, input)].flat() as number[];

  async function oneByOne(source: string, count: number): Promise<number[]> {
    const took: number[] = [];
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      await one(source);
      took.push(performance.now() - began);
    }
    return took;
  }

  async function sideBySide(source: string, count: number, together: number): Promise<number[]> {
    const began = performance.now();
    let next = 0;
    const player = async (): Promise<void> => {
      while (next++ < count) await one(source);
    };
    await Promise.all(Array.from({ length: together }, player));
    return [performance.now() - began];
  }

  async function answers(count: number): Promise<number[]> {
    const took: number[] = [];
    for (let i = 0; i < count; i++) {
      const { sid: play_sid } = await hero.play_start({ workflow_sid: await sidOf(PAUSE), input_data: {} });
      // I11: the play that awaits its answer holds no process any more.
      await waiting(hero, play_sid);
      const began = performance.timeOrigin + performance.now();
      await hero.play_resume({ play_sid, name: 'go', payload: null });
      took.push(((await hero.play_wait({ play_sid })).output_data as number) - began);
    }
    return took;
  }

  async function perform(work: Work): Promise<number[]> {
    switch (work.work) {
      case 'trivial':
        return await oneByOne(TRIVIAL, work.count);
      case 'together':
        return await sideBySide(TRIVIAL, work.count, work.together);
      case 'steps':
        return await list(NOTHING_STEPS, { count: work.count });
      case 'fanOut':
        return await list(FAN_OUT, { count: work.count });
      case 'replay': {
        const { inFlow, whole } = await replay(hero, await sidOf(FAN_OUT), work.count);
        return [inFlow, whole];
      }
      case 'answer':
        return await answers(work.count);
      case 'spawn': {
        const { name } = await hero.workflow_get({ workflow_sid: await sidOf(TRIVIAL) });
        return await list(spawns(name), { count: work.count });
      }
    }
  }

  return {
    id: 'hero',
    name: 'Hero Logic',
    version: 'this checkout',
    street,
    hero,
    run: perform,
    processes: () =>
      new Map([
        ...[...street.processes].map(([name, { child }]) => [name, child.pid ?? 0] as const),
        ['NATS', street.nats.pid],
        ['PostgreSQL', street.postgres?.pid ?? 0],
      ]),
    async [Symbol.asyncDispose]() {
      hero.close();
      await street[Symbol.asyncDispose]();
    },
  };
}

async function waiting(hero: HeroClient, play_sid: string): Promise<void> {
  for (;;) {
    const { status } = await hero.play_wait({ play_sid, until: 'settled', timeout_ms: 1_000 });
    if (status === 'awaiting_resume') return;
    if (status === 'failed') throw new Error(`play ${play_sid} failed`);
  }
}
