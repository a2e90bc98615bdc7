/** One run with the peers: what docs/figures.json holds. */
import { loadavg } from 'node:os';
import { atRest } from '../at-rest.js';
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
  const own = new Map<string, OwnFigure>();
  const compared = await onStreet(words, rounds, own);
  if (words.length === 0) {
    await eachRound('up at rest', rounds, async () => note(own, await atRest()));
    await eachRound('warm starts', 1, async () => {
      own.set(WARM_START.name, { ...WARM_START, values: await warmStarts(rounds) });
    });
  }
  return { at, machine: machine(), sandbox, load, rounds, ...compared, own: [...own.values()] };
}

async function onStreet(words: readonly string[], rounds: number, own: Map<string, OwnFigure>): Promise<InTurn> {
  await using hero = await startHero();
  const compared = await inTurn(hero, words, rounds);
  const alone = words.length === 0 ? measuresOf(OWN) : measuresOf(words).filter(([name]) => OWN.includes(name));
  for (const [name, measure] of alone) {
    const on: Measured = { street: hero.street, hero: hero.hero };
    await eachRound(name, rounds, async () => note(own, await measure(on)));
  }
  return compared;
}

/** A round that fails is left out: what was measured in the hour before it is kept. */
async function eachRound(name: string, rounds: number, job: () => Promise<void>): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`${name}, round ${round + 1} …\n`);
    await job().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  }
}

function note(own: Map<string, OwnFigure>, figures: readonly Figure[]): void {
  for (const { name, unit, p50, target } of figures) {
    const figure = own.get(name) ?? { name: name.trim(), unit, values: [], target };
    figure.values.push(p50);
    own.set(name, figure);
  }
}
