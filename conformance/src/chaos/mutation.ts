/** The proof that the checks see: faults of the product, each of which a chaos run must report by the check that names it. */
import type { AsyncStatement } from './async-statements.js';
import { BuildCopy, type Patch } from './build-copy.js';
import { type CheckName, checkOf, type Violation } from './checks.js';
import type { FaultName } from './fault-injector.js';
import { type ChaosReport, chaos } from './run.js';
import type { SyncStatement } from './sync-statements.js';

export interface Mutation {
  name: string;
  /** The check that must report it; what other checks see does not count. */
  check: CheckName;
  patches: readonly Patch[];
  /** What the flows are made of, where few of the random ones would need the guard. */
  only?: readonly SyncStatement[];
  onlyAsync?: readonly AsyncStatement[];
  faults?: readonly FaultName[];
  /** Part of the plays that are pipelined, cancelled, forked. */
  pipelined?: number;
  cancelled?: number;
  forked?: number;
  slots?: number;
  /** The part of the questions that stay open for one to three seconds. */
  slowAnswers?: number;
  seconds?: number;
  /** Mean time between two faults, ms. */
  every?: number;
}

const FAULTS: readonly FaultName[] = [
  'executor killed',
  'executor stopped',
  'wake-ups doubled',
  'executor killed',
  'nats restarted',
  'registry killed',
];

/** Checks that look when everything has ended. */
const AFTERWARDS: ReadonlySet<CheckName> = new Set(['I11', 'I12', 'slots']);

const ROUNDS = 4;

export interface Proof {
  /** How many runs it took. */
  rounds: number;
}

export interface Judged {
  mutation: Mutation;
  report: ChaosReport;
  /** What the named check said. */
  caught: Violation[];
}

/**
 * Runs until the named check has reported the fault, so many times at most. The seed decides what is tried and not when, so one run
 * may miss the moment in which a fault does harm; that the check can see it is proved by one report.
 */
export async function proveMutation(mutation: Mutation, seed: number, rounds = ROUNDS): Promise<Judged & Proof> {
  for (let round = 1; ; round++) {
    const judged = await runMutation(mutation, seed + round - 1);
    if (judged.caught.length > 0 || round >= rounds) return { ...judged, rounds: round };
  }
}

/** Runs once with this fault in the product; without patches: as it is. */
export async function runMutation(mutation: Mutation, seed: number, say?: (line: string) => void): Promise<Judged> {
  await using copy = await BuildCopy.make();
  await copy.apply(mutation.patches);
  const {
    check,
    faults = FAULTS,
    only,
    onlyAsync,
    pipelined,
    cancelled,
    forked,
    slots,
    slowAnswers,
    seconds = 12,
    every = 1_200,
  } = mutation;
  const report = await chaos({
    seconds,
    seed,
    executors: 2,
    plays: 16,
    every,
    // Each fault comes in turn, however short the run.
    faults,
    only,
    onlyAsync,
    pipelined,
    cancelled,
    forked,
    slots,
    slowAnswers,
    within: 25_000,
    afterwards: mutation.patches.length === 0 || AFTERWARDS.has(check),
    root: copy.root,
    say,
  });
  return { mutation, report, caught: report.violations.filter((violation) => checkOf(violation) === check) };
}

/** So many in turn, beginning with one that the text (a commit) decides. */
export function inTurn<T>(all: readonly T[], count: number, text: string): T[] {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) >>> 0;
  return Array.from({ length: Math.min(count, all.length) }, (_, n) => all[(hash * count + n) % all.length] as T);
}
