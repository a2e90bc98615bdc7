/**
 * A chaos run: for a while it plays random flows on several executors, answers their questions, and injects faults of every kind at
 * random moments. Then it heals everything, waits for all plays, counts slots, runs honest plays beside hostile ones, and applies
 * the checks.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { HeroClient, unixTransport } from '@hero/openrpc';
import { mountedFolder } from '../faults.js';
import { seeded } from '../random.js';
import { Street } from '../street.js';
import { Answerer } from './answerer.js';
import { check, type Findings } from './checker.js';
import type { Violation } from './checks.js';
import { type FaultPlan, injectFaults } from './fault-injector.js';
import { checkNeighbours } from './neighbours.js';
import { type PlayMix, Plays } from './plays.js';
import { countSlots } from './slot-count.js';
import { WaitingProbe } from './waiting-probe.js';

const TOLD_WITHIN_MS = 60_000;

export interface ChaosPlan extends FaultPlan, PlayMix {
  seconds: number;
  seed: number;
  executors?: number;
  slots?: number;
  /** Number of plays that run at the same time. */
  plays?: number;
  /** The part of the questions that stay open for one to three seconds; default: 0.3. */
  slowAnswers?: number;
  /** Every play is suspended and replayed after each commit. */
  alwaysReplay?: boolean;
  /** Whether to count slots and run honest plays beside hostile ones when everything has ended; default: yes. */
  afterwards?: boolean;
  /** Folder of the built services; default: this checkout. */
  root?: string;
  /** Time after the last fault within which all plays must end, in ms. */
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
  /** Number of searches for processes of waiting plays. */
  looks: number;
  seconds: number;
}

export async function chaos(plan: ChaosPlan): Promise<ChaosReport> {
  const { seconds, seed, executors = 3, slots = 6, plays: most = 24, within = 180_000 } = plan;
  const say = plan.say ?? (() => undefined);
  const began = Date.now();
  await using mounted = await mountedFolder();
  const folder = mounted.path;
  await using street = await Street.start({
    executors,
    slots,
    ownPostgres: true,
    root: plan.root,
    env: { HERO_MOUNTS: `${folder}:rw`, ...(plan.alwaysReplay && { HERO_ALWAYS_REPLAY: '1' }) },
  });
  const hero = new HeroClient(unixTransport(street.rpcSocket));
  const answerer = new Answerer(hero, seeded(seed + 2), folder, street.adminSocket, plan.slowAnswers);
  const plays = new Plays(street, hero, folder, seeded(seed + 1), plan, answerer.given);
  const probe = new WaitingProbe(street);
  await plays.saveLibrary();
  answerer.start();
  probe.start();
  const told = setInterval(() => {
    const { started, ended, forks } = plays;
    const second = Math.round((Date.now() - began) / 1_000);
    say(`${second} s: ${started.length - forks} plays started, ${ended} ended, ${answerer.answers} answers`);
  }, 5_000);
  const until = Date.now() + seconds * 1_000;
  const feeding = plays.feed(until, most);
  const faults = await injectFaults(street, plan, seeded(seed), until);
  await feeding;
  clearInterval(told);
  say('no more faults; waiting for the plays');
  const lost = await plays.finish(within);
  plays.stop();
  await Promise.all([answerer.stop(), probe.stop()]);
  const findings = await judge(lost);
  hero.close();
  const { started, refused, cancels, retries, forks } = plays;
  return {
    ...findings,
    violations: [...refused, ...probe.violations, ...findings.violations],
    plays: started.length - forks,
    answers: answerer.answers,
    cancels,
    retries,
    forks,
    faults,
    looks: probe.looks,
    seconds: (Date.now() - began) / 1000,
  };

  /** If plays were lost, the remaining checks are skipped, because they would wait in vain. */
  async function judge(lost: Violation[]): Promise<Findings> {
    const unsettled = lost.length > 0 ? lost : await untold(street);
    if (unsettled.length > 0) for (const { name, log } of logsOf(street)) say(`── ${name}\n${log}`);
    say('checking the evidence');
    const found = await check(street, hero, folder, plays.started, answerer.given, say);
    if (unsettled.length > 0) return { ...found, violations: [...unsettled, ...found.violations] };
    if (plan.afterwards === false) return found;
    say('counting slots');
    const slots = await countSlots(street, hero, folder);
    const neighbours = slots.length > 0 || plan.alwaysReplay ? [] : await checkNeighbours(street, hero);
    return { ...found, violations: [...found.violations, ...slots, ...neighbours] };
  }
}

/** The last lines of every process, to find out why something was not done. */
function logsOf(street: Street): { name: string; log: string }[] {
  return [...street.processes.values()].map((process) => ({ name: process.name, log: process.log(15) }));
}

/**
 * Everything committed must be announced and stored (I7): the end of each play, and its events before that. The counts of NATS are not
 * sufficient, because a killed server forgets which messages were acknowledged.
 */
async function untold(street: Street): Promise<Violation[]> {
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
      const untold = plays.map(
        ({ sid, status, final }): Violation => `I7 play ${sid} is ${status}, stored is ${final}, ${late}`,
      );
      return outbox?.n === 0 ? untold : [`I7 the outbox has ${outbox?.n} rows ${late}`, ...untold];
    }
  }
}
