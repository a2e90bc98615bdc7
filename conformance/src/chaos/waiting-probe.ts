/** Searches this machine for processes of waiting plays during a run (I11). */
import { readdir, readlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Street } from '../street.js';
import type { Violation } from './checks.js';
import { repeat } from './repeat.js';

const LOOK_EVERY_MS = 300;
/** The folder of a process that waits for a play, in place of the play's. */
const ARMED = '.armed';

interface Waiting {
  sid: string;
  epoch: number;
  run_seq: number;
}

/** Processes of this street's plays, by play: each works in the play's own folder. */
export async function processesOfPlays(home: string): Promise<Map<string, number[]>> {
  const plays = join(home, 'var', 'plays');
  const found = new Map<string, number[]>();
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (!folder.startsWith(`${plays}/`)) continue;
    const sid = basename(dirname(folder.replace(/ \(deleted\)$/, '')));
    if (sid === ARMED) continue;
    found.set(sid, [...(found.get(sid) ?? []), Number(pid)]);
  }
  return found;
}

export class WaitingProbe {
  readonly violations: Violation[] = [];
  looks = 0;
  private halt = (): Promise<void> => Promise.resolve();

  constructor(private readonly street: Street) {}

  start(): void {
    this.halt = repeat(async () => {
      // The database may be stopped just now, which is a fault of this run and not a violation.
      this.violations.push(...(await this.look().catch(() => [])));
      await delay(LOOK_EVERY_MS);
    });
  }

  async stop(): Promise<void> {
    await this.halt();
  }

  /** A play that waits before and after the search, with the same run_seq, waited during the whole search. */
  async look(): Promise<Violation[]> {
    const before = await this.waiting();
    const processes = await processesOfPlays(this.street.home);
    this.looks++;
    const suspects = [...before.values()].filter(({ sid }) => processes.has(sid));
    if (suspects.length === 0) return [];
    const after = await this.waiting();
    return suspects
      .filter(({ sid, epoch, run_seq }) => after.get(sid)?.epoch === epoch && after.get(sid)?.run_seq === run_seq)
      .map(({ sid }): Violation => `I11 play ${sid} waits, and its process ${processes.get(sid)?.join()} is there`);
  }

  private async waiting(): Promise<Map<string, Waiting>> {
    const rows = await this.street.sql<Waiting>(
      `SELECT sid, epoch, run_seq FROM registry.plays WHERE status = 'awaiting_resume'`,
    );
    return new Map(rows.map((row) => [row.sid, row]));
  }
}
