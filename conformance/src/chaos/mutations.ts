/** The proof that the checker works: guards of the product removed one by one, each of which a chaos run must notice. */
import type { FaultName } from './fault-injector.js';
import type { SyncStatement } from './random-flow.js';
import { type ChaosReport, chaos } from './run.js';
import { type Patch, BuildCopy } from './build-copy.js';

export interface Mutation {
  name: string;
  /** The invariant whose guard is removed. */
  invariant: string;
  patches: readonly Patch[];
  /** What the flows are made of, where few of the random ones would need the guard. */
  only?: readonly SyncStatement[];
  faults?: readonly FaultName[];
}

const registry = (file: string, find: string, replace: string): Patch => ({
  file: `apps/registry/dist/${file}.js`,
  find,
  replace,
});
const sdk = (file: string, find: string, replace: string): Patch => ({
  file: `sdk-python/src/hero_tracing/${file}.py`,
  find,
  replace,
});

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a replay does not look into its memory',
    invariant: 'I3',
    patches: [sdk('_memory', 'return item is not None and item.kind != "begun"', 'return False')],
  },
  {
    name: 'a commit is answered without being written',
    invariant: 'I3',
    patches: [
      registry(
        'runs/step-store',
        "JOIN judged j ON j.g = s.g\n    WHERE j.verdict = 'apply'",
        'JOIN judged j ON j.g = s.g\n    WHERE false',
      ),
    ],
  },
  {
    name: 'the idempotency key is another one in every process',
    invariant: 'I4',
    patches: [
      sdk(
        '_places',
        'sha256(f"{play_sid}|{key}".encode())',
        'sha256(f"{play_sid}|{key}|{__import__(\'time\').time_ns()}".encode())',
      ),
    ],
  },
  {
    name: 'a question takes a second answer',
    invariant: 'I5',
    patches: [
      registry('waits/answers', 'if (question && question.resumed_at !== null)', 'if (false)'),
      registry('waits/resume-store', 'WHERE id = $1 AND r.resumed_at IS NULL RETURNING', 'WHERE id = $1 RETURNING'),
    ],
  },
  {
    name: 'an answer that comes while the process leaves is forgotten',
    invariant: 'I1',
    patches: [registry('runs/runs', "held.wake ? 'pending' : 'awaiting_resume'", "'awaiting_resume'")],
  },
  {
    name: 'the end of a child wakes nobody',
    invariant: 'I1',
    patches: [registry('waits/children', 'if (given === undefined || isFinal(parent.status))', 'if (true)')],
  },
  {
    name: 'an at_most_once step begins without being recorded',
    invariant: 'at most once',
    patches: [sdk('_tries', 'if call.declaration.at_most_once and', 'if False and')],
    only: ['once'],
  },
  {
    name: 'a pipelined play leaves before its steps are committed',
    invariant: 'I3',
    patches: [sdk('_pipeline', 'while self._steps:\n', 'while False:\n')],
  },
  {
    name: 'nobody takes over the plays of a dead executor',
    invariant: 'I1',
    patches: [registry('runs/leases', 'await this.takeOverAll();', '')],
  },
  {
    name: 'wake-ups are lost, and nobody looks for them',
    invariant: 'I1',
    patches: [
      registry('outbox/relay', 'if (run_seq !== null)', 'if (run_seq !== null && run_seq % 3 !== 0)'),
      registry('outbox/reconciler', 'overdue.map((play) => this.relay.wakeAgain(play))', '[]'),
    ],
  },
  {
    name: 'a play runs the current version instead of its own',
    invariant: 'I9',
    patches: [
      registry(
        'runs/runs',
        'this.versions.get(version_sid)',
        'this.versions.pin({ workflow_sid: claimed.workflow_sid })',
      ),
    ],
  },
  {
    name: 'timers never end',
    invariant: 'I1',
    patches: [
      registry(
        'waits/resume-store',
        'WHERE due_at <= now() ORDER BY due_at',
        'WHERE due_at <= now() AND false ORDER BY due_at',
      ),
    ],
  },
  {
    name: 'a claim does not fence the one before it',
    invariant: 'I2',
    only: ['mark', 'once'],
    faults: ['executor stopped for long'],
    patches: [
      // Plays that outlive their lease are killed, twice over. That must not be what keeps I2: the lease is no guard.
      sdk('_jail/server', 'time.monotonic() > self.deadline', 'False'),
      { file: 'apps/executor/dist/executor.js', find: '(gone) => plays.gone(gone)', replace: '() => undefined' },
      registry('runs/step-store', "l.epoch <> g.epoch OR l.owner <> g.owner OR l.status <> 'running'", 'false'),
      registry('runs/step-store', 'NOT l.suspended AND g.group_no = l.group_no + 1', 'true'),
      registry('runs/step-store', 'g.group_no = l.group_no THEN', 'false THEN'),
    ],
  },
];

const FAULTS: readonly FaultName[] = [
  'executor killed',
  'executor stopped',
  'wake-ups doubled',
  'executor killed',
  'nats restarted',
  'registry killed',
];

export interface Caught {
  mutation: Mutation;
  report: ChaosReport;
}

/** Runs with this guard removed. */
export async function runMutation(mutation: Mutation, seed: number, say?: (line: string) => void): Promise<Caught> {
  await using copy = await BuildCopy.copy();
  await copy.apply(mutation.patches);
  const report = await chaos({
    seconds: 15,
    seed,
    executors: 2,
    plays: 16,
    every: 1_200,
    // Each guard has its fault, however short the run.
    faults: mutation.faults ?? FAULTS,
    within: 30_000,
    root: copy.root,
    only: mutation.only,
    say,
  });
  return { mutation, report };
}
