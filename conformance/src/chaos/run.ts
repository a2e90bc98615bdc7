/**
 * A chaos run: random flows on several executors, somebody who answers them, and faults of every kind at random moments, for a
 * while; then everything is healed, waited for, and held against the invariants.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HeroClient, unixTransport } from '@hero/openrpc';
import { mountedFolder, patiently } from '../faults.js';
import { seeded } from '../random.js';
import { Street } from '../street.js';
import { Answerer } from './answerer.js';
import { check, type Findings, type Given, type Started } from './checker.js';
import { type FaultName, injectFaults } from './fault-injector.js';
import { HEAD, LIBRARY, randomFlow, type SyncStatement } from './random-flow.js';

const TOLD_WITHIN_MS = 60_000;

export interface ChaosPlan {
  seconds: number;
  seed: number;
  executors?: number;
  slots?: number;
  /** Plays under way at once. */
  plays?: number;
  /** Mean time between two faults, ms; 0: no faults. */
  every?: number;
  /** Flows are made of these statements only; default: of everything. */
  only?: readonly SyncStatement[];
  /** Which faults, by name, in turn; default: all of them, at random. */
  faults?: readonly FaultName[];
  /** Where the built services are; default: this checkout. */
  root?: string;
  /** All plays must have ended so long after the last fault, ms. */
  within?: number;
  say?: (line: string) => void;
}

export interface ChaosReport extends Findings {
  plays: number;
  answers: number;
  cancels: number;
  retries: number;
  forks: number;
  faults: Record<string, number>;
  seconds: number;
}

export async function chaos(plan: ChaosPlan): Promise<ChaosReport> {
  const { seconds, seed, executors = 3, slots = 6, plays = 24, within = 180_000 } = plan;
  const say = plan.say ?? (() => undefined);
  const random = seeded(seed);
  const began = Date.now();
  await using mounted = await mountedFolder();
  const folder = mounted.path;
  await using street = await Street.start({
    executors,
    slots,
    ownPostgres: true,
    root: plan.root,
    env: { HERO_MOUNTS: `${folder}:rw` },
  });
  const hero = new HeroClient(unixTransport(street.rpcSocket));
  for (const [name, source] of Object.entries(LIBRARY)) {
    await hero.workflow_create({ name, python_source: HEAD + source });
  }
  const answerer = new Answerer(hero, seeded(seed + 2), folder, street.adminSocket);
  const run = new Run(street, hero, folder, seeded(seed + 1), plan, answerer.given);
  answerer.start();
  const told = setInterval(() => {
    const seconds = Math.round((Date.now() - began) / 1_000);
    const { started, ended, forks } = run;
    say(`${seconds} s: ${started.length - forks} plays started, ${ended} ended, ${answerer.answers} answers`);
  }, 5_000);
  const until = Date.now() + seconds * 1_000;
  const feeding = run.feed(until, plays);
  const faults = await injectFaults(street, plan, random, until);
  await feeding;
  clearInterval(told);
  say('no more faults; waiting for the plays');
  const lost = await run.finish(within);
  run.stop();
  await answerer.stop();
  // What is lost says enough; what others did can only be judged when nothing statements any more.
  const unsettled = lost.length > 0 ? lost : await untold(street);
  if (unsettled.length > 0) for (const { name, log } of logsOf(street)) say(`── ${name}\n${log}`);
  const findings: Findings =
    unsettled.length > 0
      ? { steps: 0, effects: 0, repeated: 0, violations: unsettled }
      : await check(street, hero, folder, run.started, answerer.given);
  hero.close();
  const { started, refused, cancels, retries, forks } = run;
  return {
    ...findings,
    violations: [...refused, ...findings.violations],
    plays: started.length - forks,
    answers: answerer.answers,
    cancels,
    retries,
    forks,
    faults,
    seconds: (Date.now() - began) / 1000,
  };
}

/** The last lines of every process: without them nobody finds out why something was left undone. */
function logsOf(street: Street): { name: string; log: string }[] {
  return [...street.processes.values()].map((process) => ({ name: process.name, log: process.log(15) }));
}

/**
 * What was committed must be told and stored (I7): how each play ended, and what it said of itself before. Counts of NATS alone do not
 * tell: a server that was killed forgets which messages were acknowledged.
 */
async function untold(street: Street): Promise<string[]> {
  for (const end = Date.now() + TOLD_WITHIN_MS; ; await delay(250)) {
    const [outbox] = await street.sql<{ n: number }>('SELECT count(*)::int AS n FROM registry.outbox');
    const plays = await street.sql<{ sid: string; status: string; final: string | null }>(
      `SELECT p.sid, p.status, s.final FROM registry.plays p LEFT JOIN spans.plays s ON s.sid = p.sid
       WHERE s.final IS DISTINCT FROM p.status OR p.events_batch >
         (SELECT count(*) FROM spans.batches b WHERE b.play_sid = p.sid AND b.source = p.events_source AND b.batch <= p.events_batch)`,
    );
    if (outbox?.n === 0 && plays.length === 0) return [];
    if (Date.now() > end) {
      const late = `${TOLD_WITHIN_MS / 1000} s after the last end`;
      const untold = plays.map(({ sid, status, final }) => `I7 play ${sid} is ${status}, stored is ${final}, ${late}`);
      return outbox?.n === 0 ? untold : [`I7 the outbox has ${outbox?.n} rows ${late}`, ...untold];
    }
  }
}

/** The plays of a run: starts them, cancels and retries some, and waits for their ends. */
class Run {
  readonly started: Started[] = [];
  /** What should have been accepted, and was not. */
  readonly refused: string[] = [];
  ended = 0;
  cancels = 0;
  retries = 0;
  forks = 0;
  private readonly waiting = new Set<Promise<void>>();
  private over = false;

  constructor(
    private readonly street: Street,
    private readonly hero: HeroClient,
    private readonly folder: string,
    private readonly random: () => number,
    private readonly plan: ChaosPlan,
    private readonly given: Map<string, Given>,
  ) {}

  /** Whoever still waits for a lost play gives up. */
  stop(): void {
    this.over = true;
  }

  private patiently<T>(call: () => Promise<T>): Promise<T> {
    return patiently(() => (this.over ? Promise.reject(new Error('the run is over')) : call()));
  }

  async feed(until: number, most: number): Promise<void> {
    while (Date.now() < until) {
      if (this.waiting.size < most) await this.startOne();
      else await Promise.race([...this.waiting, delay(200)]);
    }
  }

  /** What did not end in time. */
  async finish(within: number): Promise<string[]> {
    const late = new AbortController();
    const all = Promise.all(this.waiting);
    await Promise.race([all, delay(within, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    const open = await this.street.sql<{ sid: string; status: string }>(
      `SELECT sid, status FROM registry.plays WHERE status IN ('pending', 'running', 'awaiting_resume')`,
    );
    return open.map(({ sid, status }) => `C1 play ${sid} is still ${status}, ${within / 1000} s after the last fault`);
  }

  private async startOne(): Promise<void> {
    const label = `p${this.started.length}`;
    const flow = randomFlow(this.random, label, this.plan.only);
    const play: Started = { sid: '', label, ids: flow.ids, cancelled: false };
    const prefill_resumes = Object.fromEntries(flow.prefilled.map((name) => [name, { n: this.random() }]));
    for (const [name, payload] of Object.entries(prefill_resumes)) {
      this.given.set(name, { accepted: [payload], possible: [] });
    }
    try {
      const workflow_sid = await this.patiently(() => this.save(label, flow.source));
      const input_data = { folder: this.folder, label };
      const ask = { workflow_sid, input_data, prefill_resumes, idempotency_key: label };
      play.sid = (await this.patiently(() => this.hero.play_start(ask))).sid;
    } catch (error) {
      this.refused.push(`C0 a play was refused: ${String(error)}\n${flow.source}`);
      return;
    }
    this.started.push(play);
    // A version that could not be saved tempts nobody.
    if (this.random() < 0.3) void this.trap(label).catch(() => undefined);
    const work = this.attend(play, flow.failsFirst).finally(() => {
      this.waiting.delete(work);
      this.ended++;
    });
    this.waiting.add(work);
  }

  /** The current version statements on under the play (I9). */
  private async trap(name: string): Promise<void> {
    const { sid } = await this.patiently(() => this.hero.workflow_get({ name }));
    const python_source = `${HEAD}\n@flow(inputs={"folder": "string", "label": "string"})\ndef main(folder, label):\n    return []\n`;
    await this.patiently(() => this.hero.workflow_create_version({ workflow_sid: sid, python_source }));
  }

  /** A save whose reply was lost is found by its name. */
  private async save(name: string, python_source: string): Promise<string> {
    try {
      return (await this.hero.workflow_create({ name, python_source })).sid;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'CONFLICT') {
        return (await this.hero.workflow_get({ name })).sid;
      }
      throw error;
    }
  }

  /** A fork that inherits everything runs nothing again, and returns the same. */
  private async fork({ sid, label, ids }: Started): Promise<void> {
    // Not repeated: a fork whose reply was lost is another play.
    const fork = await this.hero.play_fork({ play_sid: sid }).catch(() => undefined);
    if (!fork) return;
    this.forks++;
    this.started.push({ sid: fork.sid, label, ids, cancelled: false });
    await this.patiently(() => this.hero.play_wait({ play_sid: fork.sid }));
  }

  private async attend(play: Started, failsFirst: boolean): Promise<void> {
    if (this.random() < 0.08) {
      await delay(this.random() * 3_000);
      // From here on both ends are right: the reply may be lost.
      play.cancelled = true;
      this.cancels++;
      await this.patiently(() => this.hero.play_cancel({ play_sid: play.sid })).catch(() => undefined);
    }
    const ended = await this.patiently(() => this.hero.play_wait({ play_sid: play.sid }));
    if (ended.status === 'success' && this.random() < 0.1) await this.fork(play);
    if (!failsFirst || ended.status !== 'failed') return;
    await writeFile(join(this.folder, `${play.label}-go`), '');
    this.retries++;
    await this.patiently(() => this.hero.play_retry({ play_sid: play.sid })).catch(() => undefined);
    await this.patiently(() => this.hero.play_wait({ play_sid: play.sid }));
  }
}
