/**
 * Named crash points. HERO_FAILPOINTS="registry.commit.before=kill@3,executor.fork.after=delay:200":
 * `kill` ends this process as kill -9 does, `delay:MS` waits, `error` throws; `@N`: only the N-th time.
 */
import { StartFault } from './env.js';

interface Action {
  kind: 'kill' | 'delay' | 'error';
  ms: number;
  at?: number;
  hits: number;
}

export function parseFailpoints(text: string): Map<string, Action> {
  const points = new Map<string, Action>();
  for (const part of text.split(',').filter((entry) => entry.trim() !== '')) {
    const match = /^\s*([\w.-]+)=(kill|error|delay:(\d+))(?:@(\d+))?\s*$/.exec(part);
    if (!match) {
      throw new StartFault('HERO_FAILPOINTS is not right.', [
        `"${part}": write name=kill@3, name=delay:200 or name=error.`,
      ]);
    }
    const [, name = '', word = '', ms, at] = match;
    const kind = word === 'kill' || word === 'error' ? word : 'delay';
    points.set(name, { kind, ms: Number(ms ?? 0), at: at === undefined ? undefined : Number(at), hits: 0 });
  }
  return points;
}

const text = process.env.HERO_FAILPOINTS;
const points = text ? parseFailpoints(text) : undefined;

/** Costs one comparison if no failpoint is set. */
export function failpoint(name: string): Promise<void> | void {
  if (points !== undefined) return hit(points, name);
}

export function hit(set: Map<string, Action>, name: string): Promise<void> | void {
  const action = set.get(name);
  if (!action) return;
  action.hits++;
  if (action.at !== undefined && action.hits !== action.at) return;
  if (action.kind === 'error') throw new Error(`failpoint ${name}`);
  if (action.kind === 'delay') return new Promise((resolve) => setTimeout(resolve, action.ms));
  process.kill(process.pid, 'SIGKILL');
  // No code after a crash point may run, not even the rest of this turn.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
