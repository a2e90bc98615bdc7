/** Plays one sample flow to its end: answers its questions in any order, and compares its effects with its commits. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type HeroClient, HeroError, type shapes } from '@hero/openrpc';
import { postTo } from '../post.js';
import type { Street } from '../street.js';
import type { Sample } from './samples.js';

const LOOK_MS = 250;

export interface SampleRun {
  street: Street;
  hero: HeroClient;
  /** Folder that plays may write to. */
  folder: string;
  random: () => number;
  /** Whether executors are killed meanwhile, so that a step may be cut between its effect and its commit. */
  cut: boolean;
  withinMs: number;
}

/** Returns a sentence for every fault. */
export async function runSample(sample: Sample, run: SampleRun, label = sample.name): Promise<string[]> {
  const { hero, folder } = run;
  const log = join(folder, label);
  const workflow = await patiently(run, () => saved(hero, sample));
  const started = { workflow_sid: workflow.sid, input_data: { log }, idempotency_key: label };
  const { sid } = await patiently(run, () => hero.play_start(started));
  const play = await ended(sid, sample, run);
  const faults: string[] = [];
  if (play.status !== 'success') faults.push(`it is ${play.status}: ${JSON.stringify(play.error)}`);
  else if (!isDeepStrictEqual(play.output_data, sample.output))
    faults.push(`it returned ${JSON.stringify(play.output_data)}, not ${JSON.stringify(sample.output)}`);
  if (play.diverged !== null) faults.push(`it diverged: ${JSON.stringify(play.diverged)}`);
  return [...faults, ...(await effectFaults(sid, sample, run, log))];
}

/** Another round of the sample may be saving it now. */
async function saved(hero: HeroClient, { name, source }: Sample): Promise<{ sid: string }> {
  try {
    return await hero.workflow_create({ name, python_source: source });
  } catch (error) {
    if (!(error instanceof HeroError) || error.code !== 'CONFLICT') throw error;
    return hero.workflow_get({ name });
  }
}

async function ended(play_sid: string, sample: Sample, run: SampleRun): Promise<shapes.Play> {
  const end = performance.now() + run.withinMs;
  for (;;) {
    const left = end - performance.now();
    if (left <= 0) {
      const play = await run.hero.play_status({ play_sid });
      return { ...play, error: play.error ?? { type: 'Late', message: waitsOf(play), traceback: '', span_id: null } };
    }
    try {
      const play = await run.hero.play_wait({ play_sid, timeout_ms: Math.min(LOOK_MS, left) });
      if (play.completed_at !== null) return play;
      await answerOne(play, sample, run);
    } catch (error) {
      if (!(error instanceof HeroError) && !(error instanceof TypeError)) throw error;
    }
  }
}

const waitsOf = (play: shapes.Play): string =>
  `still ${play.status} with the questions ${JSON.stringify(play.pending_resumes.map(({ name }) => name))}`;

/** A random open question for which the sample has an answer. */
async function answerOne(play: shapes.Play, { answers }: Sample, run: SampleRun): Promise<void> {
  const open = await openQuestions(play, run.hero);
  const known = open.filter(({ name }) => answers.has(name) || name.startsWith('decide:'));
  const question = known[Math.floor(run.random() * known.length)];
  if (!question) return;
  const payload = answers.get(question.name) ?? '{"action":"run"}';
  const params = `{"play_sid":${JSON.stringify(question.play_sid)},"resume_id":${JSON.stringify(question.id)},"payload":${payload}}`;
  await postTo(run.street.rpcSocket, '/rpc', `{"jsonrpc":"2.0","id":1,"method":"play_resume","params":${params}}`);
}

/** Open questions of the play and of its children. */
async function openQuestions(play: shapes.Play, hero: HeroClient): Promise<shapes.ResumeRequest[]> {
  const children = play.waits.flatMap(({ child_play_sid }) => child_play_sid ?? []);
  const theirs = children.map(async (play_sid) => openQuestions(await hero.play_status({ play_sid }), hero));
  return [...play.pending_resumes, ...(await Promise.all(theirs)).flat()];
}

/** Checks that each effect happened, that none began after its step was committed, and that only permitted ones happened more than once. */
async function effectFaults(play_sid: string, sample: Sample, run: SampleRun, log: string): Promise<string[]> {
  const rows = await run.street.sql<{ step_key: string; at: Date }>(
    `SELECT step_key, committed_at AS at FROM registry.steps WHERE play_sid = $1 AND kind <> 'begun'`,
    [play_sid],
  );
  const committed = new Map(rows.map(({ step_key, at }) => [idempotencyKey(play_sid, step_key), at.getTime()]));
  const lines = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').filter(Boolean);
  const faults: string[] = [];
  const counts = new Map<string, number>();
  for (const line of lines) {
    const [what = '', key = '', ns = '0'] = line.split(' ');
    counts.set(what, (counts.get(what) ?? 0) + 1);
    const late = Number(ns) / 1e6 - (committed.get(key) ?? Number.POSITIVE_INFINITY);
    // Both times are from this machine's clock; rounding loses a millisecond.
    if (late > 1) faults.push(`the effect ${what} happened ${late.toFixed(1)} ms after its step was committed`);
  }
  for (const [what, count] of counts) {
    const may = run.cut || sample.pipelined || sample.repeats.some((start) => what.startsWith(start));
    if (count > 1 && !may) faults.push(`the effect ${what} happened ${count} times`);
  }
  for (const start of sample.oneOf) {
    const seen = [...counts.keys()].filter((what) => what.startsWith(start));
    if (seen.length !== 1) faults.push(`of the effects ${start}… there are ${JSON.stringify(seen)}, not one`);
  }
  return faults;
}

const idempotencyKey = (playSid: string, stepKey: string): string =>
  createHash('sha256').update(`${playSid}|${stepKey}`).digest('hex').slice(0, 32);

/** Repeats a call while a service cannot be reached. */
async function patiently<T>({ withinMs }: SampleRun, call: () => Promise<T>): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof HeroError) || !error.retry || performance.now() > end) throw error;
    }
  }
}
