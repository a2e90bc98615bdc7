import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { markOf, type ProcessMark } from './run-state.js';

const LONGEST_PAUSE_MS = 5_000;
const CALM_MS = 10_000;
const LOG_LIMIT = 16 * 1024 * 1024;

export interface ChildSpec {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The rest of its environment, which is sent to it when it is known; asked for at each start. */
  readonly laterEnv: () => Promise<NodeJS.ProcessEnv>;
  /** Executors end first: what their plays commit until then, the services must take. */
  readonly endsFirst: boolean;
}

/**
 * The processes of one `up`: each is started again when it dies, at once and then with growing pauses.
 *
 * S1 A child's stdin is its lifeline: when we die, however, it sees the end of it and stops by itself.
 * S2 A child says over its IPC channel when it is ready; nobody polls or guesses. Over the same channel it learns where the servers
 *    are, which start while it imports its modules.
 * S3 Output goes to a file a child, so that a full pipe never stops a service.
 */
export class Supervisor {
  private readonly kept = new Map<string, Kept>();
  private stopping = false;

  constructor(
    private readonly logs: string,
    private readonly say: (line: string) => void,
    private readonly onChange: () => void,
  ) {
    mkdirSync(logs, { recursive: true, mode: 0o700 });
  }

  /** Starts a child and resolves when it is ready; rejects with the end of its log when it ends before. */
  async start(spec: ChildSpec): Promise<void> {
    const kept: Kept = { spec, child: undefined, mark: undefined, ended: Promise.resolve() };
    this.kept.set(spec.name, kept);
    const ready = this.launch(kept);
    kept.ended = this.keep(kept);
    await ready;
  }

  marks(): Record<string, ProcessMark> {
    return Object.fromEntries([...this.kept].flatMap(([name, { mark }]) => (mark ? [[name, mark]] : [])));
  }

  /** In two groups: SIGTERM, then waits; SIGKILL for who is still there after `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    this.stopping = true;
    const all = [...this.kept.values()];
    for (const first of [true, false]) {
      const group = all.filter(({ spec }) => spec.endsFirst === first);
      await end(group, withinMs);
    }
  }

  private launch(kept: Kept): Promise<void> {
    const path = join(this.logs, `${kept.spec.name}.log`);
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT) renameSync(path, `${path}.1`);
    const log = openSync(path, 'a', 0o600);
    const child = spawn(process.execPath, [...kept.spec.args], {
      stdio: ['pipe', log, log, 'ipc'],
      env: { ...kept.spec.env, HERO_LIFELINE: 'stdin' },
      detached: true, // Ctrl-C in the terminal is ours to pass on, in order.
    });
    closeSync(log);
    kept.child = child;
    kept.spec.laterEnv().then(
      (env) => child.connected && child.send({ env }, () => undefined),
      () => undefined, // servers that cannot start: whoever started us all says so
    );
    kept.mark = undefined;
    if (child.pid !== undefined) {
      void markOf(child.pid).then((mark) => {
        kept.mark = mark;
        this.onChange();
      });
    }
    return new Promise((resolve, reject) => {
      child.on('message', (message) => {
        if (typeof message === 'object' && message !== null && 'ready' in message) resolve();
      });
      child.once('error', reject);
      child.once('exit', (code, signal) =>
        readFile(path, 'utf8').then((text) => {
          const tail = text.trimEnd().split('\n').slice(-15).join('\n  ');
          reject(
            new Error(
              `${kept.spec.name} ended (${signal ?? `exit ${code}`}) before it was ready:\n  ${tail}\nIts whole log: ${path}`,
            ),
          );
        }, reject),
      );
    });
  }

  private async keep(kept: Kept): Promise<void> {
    let wait = 0;
    while (kept.child) {
      const since = Date.now();
      await goneOf(kept.child);
      if (this.stopping) return;
      if (Date.now() - since > CALM_MS) wait = 0;
      this.say(
        `${kept.spec.name} ended (${kept.child.signalCode ?? `exit ${kept.child.exitCode}`}), starting it again`,
      );
      await delay(wait);
      wait = Math.min(Math.max(wait * 2, 100), LONGEST_PAUSE_MS);
      if (this.stopping) return;
      this.launch(kept).catch(() => undefined); // an end before ready is seen by this loop too
    }
  }
}

interface Kept {
  readonly spec: ChildSpec;
  child: ChildProcess | undefined;
  mark: ProcessMark | undefined;
  ended: Promise<void>;
}

async function end(group: readonly Kept[], withinMs: number): Promise<void> {
  for (const { child } of group) child?.kill('SIGTERM');
  const late = setTimeout(() => group.forEach(({ child }) => void child?.kill('SIGKILL')), withinMs);
  await Promise.all(group.map(({ ended }) => ended));
  clearTimeout(late);
}

async function goneOf(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null)
    await Promise.race([once(child, 'exit'), once(child, 'error')]);
}
