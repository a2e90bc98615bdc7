/** What is measured of every system in turn. One call is one sample of each of its rows. */
import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../figures.js';
import { cpuOf } from './cpu.js';
import type { System, SystemId } from './system.js';

export interface Row {
  readonly key: string;
  readonly name: string;
  readonly unit: string;
  /** The goal for Hero Logic, in the same unit. */
  readonly goal?: { readonly most?: number; readonly least?: number };
  /** The system that Hero Logic is to be quicker than. */
  readonly below?: SystemId;
}

export interface Sample {
  /** By the key of the row. */
  readonly values: Readonly<Record<string, number>>;
  /** CPU milliseconds a play by process, where the sample counts them. */
  readonly cpu?: ReadonlyMap<string, number>;
}

export interface Comparison {
  readonly name: string;
  readonly rows: readonly Row[];
  /** `floor` is one PostgreSQL commit in the same round. */
  take(system: System, floor: number): Promise<Sample>;
}

const shares = (took: readonly number[]): { p50: number; p99: number } => {
  const sorted = [...took].sort((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
};

const TOGETHER = 24;

async function sideBySide(system: System, count: number) {
  const { result, ms } = await cpuOf(
    () => system.processes(),
    () => system.run({ work: 'together', count, together: TOGETHER }),
  );
  const cpu = new Map([...ms].map(([name, each]) => [name, each / count]));
  const all = [...cpu.values()].reduce((sum, each) => sum + each, 0);
  return { rate: count / ((result[0] ?? Number.NaN) / 1000), all, cpu };
}

export const COMPARISONS: readonly Comparison[] = [
  {
    name: 'trivial',
    rows: [
      { key: 'trivial-p50', name: 'trivial workflow, one after the other, p50 of 200', unit: 'ms', goal: { most: 6 } },
      { key: 'trivial-p99', name: '… p99', unit: 'ms', goal: { most: 20 } },
    ],
    async take(system) {
      const { p50, p99 } = shares(await system.run({ work: 'trivial', count: 200 }));
      return { values: { 'trivial-p50': p50, 'trivial-p99': p99 } };
    },
  },
  {
    name: 'together',
    rows: [
      { key: 'together', name: `trivial workflows, ${TOGETHER} at a time`, unit: 'a second', goal: { least: 200 } },
      { key: 'cpu', name: '… CPU of each, all processes of the system', unit: 'ms', goal: { most: 10 } },
    ],
    async take(system) {
      const { rate, all, cpu } = await sideBySide(system, 1_000);
      return { values: { together: rate, cpu: all }, cpu };
    },
  },
  {
    name: 'step',
    rows: [
      {
        key: 'step',
        name: 'durable step: one of 200 in a workflow, one after the other',
        unit: 'ms',
        below: 'restate',
      },
      { key: 'step-above', name: '… above one PostgreSQL commit', unit: 'ms', goal: { most: 0.75 } },
    ],
    async take(system, floor) {
      const took: number[] = [];
      for (let i = 0; i < 5; i++) took.push(...(await system.run({ work: 'steps', count: 200 })));
      const { p50 } = shares(took);
      return { values: { step: p50, ...(system.id !== 'restate' && { 'step-above': p50 - floor }) } };
    },
  },
  {
    name: 'fan-out',
    rows: [{ key: 'fan-out', name: 'fan-out of 10,000 remembered steps', unit: 'ms', goal: { most: 800 } }],
    async take(system) {
      const [took = Number.NaN] = await system.run({ work: 'fanOut', count: 10_000 });
      return { values: { 'fan-out': took } };
    },
  },
  {
    name: 'replay',
    rows: [
      { key: 'replay', name: 'replay of 10,000 remembered steps, in the workflow', unit: 'ms', goal: { most: 120 } },
      { key: 'replay-whole', name: '… from the answer (DBOS: its launch) to the end', unit: 'ms' },
    ],
    async take(system) {
      const [inFlow = Number.NaN, whole = Number.NaN] = await system.run({ work: 'replay', count: 10_000 });
      return { values: { replay: inFlow, 'replay-whole': whole } };
    },
  },
  {
    name: 'answer',
    rows: [
      { key: 'answer', name: 'answer to the line after a wait that just began, p50 of 30', unit: 'ms' },
      { key: 'answer-suspended', name: '… after one for which nothing is in memory any more', unit: 'ms' },
    ],
    async take(system): Promise<Sample> {
      const { p50 } = shares(await system.run({ work: 'answer', count: 30 }));
      // I11: a play that awaits its answer has no process, however short the wait.
      if (system.id === 'hero') return { values: { answer: p50, 'answer-suspended': p50 } };
      if (system.id !== 'restate') return { values: { answer: p50 } };
      const suspended = shares(await system.run({ work: 'answer', count: 30, suspended: true }));
      return { values: { answer: p50, 'answer-suspended': suspended.p50 } };
    },
  },
  {
    name: 'idle',
    rows: [{ key: 'idle', name: 'CPU while nothing runs, all processes', unit: 'ms a second' }],
    async take(system) {
      const { ms } = await cpuOf(
        () => system.processes(),
        () => delay(5_000),
      );
      return { values: { idle: [...ms.values()].reduce((sum, each) => sum + each, 0) / 5 } };
    },
  },
  {
    name: 'child',
    rows: [{ key: 'child', name: 'spawned trivial child, call to output, p50 of 50', unit: 'ms', goal: { most: 12 } }],
    async take(system) {
      return { values: { child: shares(await system.run({ work: 'spawn', count: 50 })).p50 } };
    },
  },
];

const NO_SUSPENSION = { 'answer-suspended': 'it stays in memory' };

/** What a system has no such thing of, and why; shown in its place. */
export const MISSING: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  restate: { 'step-above': 'no PostgreSQL' },
  dbos: NO_SUSPENSION,
  'dbos-python': NO_SUSPENSION,
};
