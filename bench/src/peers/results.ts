/** One run with the peers: what docs/figures.json holds. */
import { loadavg } from 'node:os';
import type { Figure } from '../figures.js';
import { machine, WARM_START, warmStarts } from '../machine.js';
import { type Measured, measuresOf } from '../measures.js';
import { startHero } from './hero.js';
import { type InTurn, inTurn } from './in-turn.js';

/** A figure of Hero Logic alone, one value a round. */
export interface OwnFigure {
  readonly name: string;
  readonly unit: string;
  readonly values: number[];
  readonly target?: Figure['target'];
}

export interface Results extends InTurn {
  readonly at: string;
  readonly machine: string;
  readonly sandbox: string;
  /** The load average of the minute before. */
  readonly load: number;
  readonly rounds: number;
  readonly own: OwnFigure[];
}

/** What no peer has, or has otherwise. */
const OWN = ['pipelined', 'pause', 'sse', 'spans', 'memory'];

export async function withPeers(words: readonly string[], rounds: number, sandbox: string): Promise<Results> {
  const [load = Number.NaN] = loadavg();
  const at = new Date().toISOString();
  const { compared, own } = await measured(words, rounds);
  if (words.length === 0) own.push(await start(rounds));
  return { at, machine: machine(), sandbox, load, rounds, ...compared, own };
}

async function measured(words: readonly string[], rounds: number): Promise<{ compared: InTurn; own: OwnFigure[] }> {
  await using hero = await startHero();
  const compared = await inTurn(hero, words, rounds);
  const alone = words.length === 0 ? measuresOf(OWN) : measuresOf(words).filter(([name]) => OWN.includes(name));
  const own = new Map<string, OwnFigure>();
  for (const [name, measure] of alone) {
    for (let round = 0; round < rounds; round++) {
      process.stderr.write(`${name}, round ${round + 1} …\n`);
      const on: Measured = { street: hero.street, hero: hero.hero };
      for (const { name, unit, p50, target } of await measure(on)) {
        const figure = own.get(name) ?? { name: name.trim(), unit, values: [], target };
        figure.values.push(p50);
        own.set(name, figure);
      }
    }
  }
  return { compared, own: [...own.values()] };
}

async function start(rounds: number): Promise<OwnFigure> {
  process.stderr.write('warm start …\n');
  return { ...WARM_START, values: await warmStarts(rounds) };
}
