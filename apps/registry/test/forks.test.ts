/** play_fork: what a new play inherits, under which keys, and what `forked_from` says. */
import { createHash } from 'node:crypto';
import { Handle } from '@hero/bus';
import {
  HeroError,
  type Inspection,
  type Params,
  type ParamsInput,
  type Play,
  playFork,
  playRetry,
  type Result,
  spanBegan,
  type StepOutcome,
  workflowCreate,
  workflowCreateVersion,
  workflowDelete,
} from '@hero/contracts';
import { Controller, type INestMicroservice } from '@nestjs/common';
import { codeOf, fenceOf, type Mine, PlayService, question, step } from './play-service.js';
import { serve, source } from './workflow-service.js';

type Began = Result<typeof spanBegan>;

/** A fake span-ingest with the spans that a test defines. */
const spans = new Map<string, Began>();

@Controller()
class SpanDoor {
  @Handle(spanBegan) began({ span_id }: Params<typeof spanBegan>): Began {
    const known = spans.get(span_id);
    if (!known) throw new HeroError('NOT_FOUND', `There is no span ${span_id}.`);
    return known;
  }
}

let registry: PlayService;
let door: INestMicroservice;

beforeAll(async () => {
  registry = await PlayService.start();
  door = await serve(registry.bus, 'span-ingest', SpanDoor);
}, 60_000);
afterAll(async () => {
  await door.close();
  await registry[Symbol.asyncDispose]();
});

const hex = (algorithm: 'sha1' | 'sha256', text: string) => createHash(algorithm).update(text).digest('hex');
const spanOf = (sid: string, place: string) => hex('sha256', `${sid}|${place}|0`).slice(0, 16);
const resumeOf = (sid: string, place: string) => hex('sha256', `resume|${sid}|${place}`).slice(0, 32);
const ROOT = '0'.repeat(32);

/** A step with the span that its place has in this play. */
const own = ({ play_sid }: { play_sid: string }, place: string, more: Partial<StepOutcome> = {}): StepOutcome =>
  step(place, `${place} of ${play_sid}`, { span_id: spanOf(play_sid, place), ...more });
const fork = (play_sid: string, more: Partial<ParamsInput<typeof playFork>> = {}): Promise<Play> =>
  registry.bus.ask(playFork, { play_sid, ...more });
/** Defines a span that began now; by default span-ingest knows no other spans. */
const began = ({ play_sid }: { play_sid: string }, place: string, more: Partial<Began> = {}): string => {
  const id = spanOf(play_sid, place);
  spans.set(id, { began_at: new Date().toISOString(), below: [], before: [], after: [], ...more });
  return id;
};
const rememberedBy = async (sid: string): Promise<string[]> =>
  (await registry.claimed(sid)).memory.items.map(([place, kind, text]) => `${place} ${kind} ${text}`).sort();
const keptOf = ({ forked_from }: Play): string[] =>
  forked_from?.steps.filter(({ kept }) => kept).map(({ name }) => name) ?? [];
const reasonOf = ({ forked_from }: Play, name: string): string | undefined =>
  forked_from?.steps.find((found) => found.name === name)?.reason;

/** Waits until the database's clock has advanced, so that times before and after a cut differ. */
const moment = async (): Promise<void> => void (await registry.sql('SELECT pg_sleep(0.005)'));

describe('without a span', () => {
  test('everything is inherited under the keys of the new play, in any status of the other play', async () => {
    const mine = await registry.running('executor-a', { input_data: {}, name: 'the first', timeout_ms: 5_000 });
    await registry.commit(mine, 1, [
      own(mine, 'a'),
      own(mine, 'b', { kind: 'error', outcome: '{"type":"E"}', parent_place: 'a' }),
      own(mine, 'c', { kind: 'begun', outcome: '{"begins":1}' }),
    ]);
    const before = await registry.row(mine.play_sid);
    const play = await fork(mine.play_sid);
    expect(play).toMatchObject({ status: 'pending', name: 'the first', parent_play_sid: null, attempt: 0 });
    expect(play.sid).not.toBe(mine.play_sid);
    expect(play.forked_from).toMatchObject({ play_sid: mine.play_sid, span_id: null, kept: 3, left: 0 });
    expect(play.forked_from?.version_sid).toBe(mine.version_sid);
    expect(await registry.row(mine.play_sid)).toEqual(before);
    const rows = await registry.sql('SELECT * FROM steps WHERE play_sid = $1 ORDER BY place', play.sid);
    expect(rows.map(({ step_key, span_id, parent_place }) => [step_key, span_id, parent_place])).toEqual(
      ['a', 'b', 'c'].map((place) => [
        hex('sha1', `${mine.version_sid}|${place}`),
        spanOf(play.sid, place),
        place === 'b' ? 'a' : '',
      ]),
    );
    const again = await registry.claimed(play.sid);
    expect(again.remaining_ms).toBe(5_000);
    expect(again.memory.items.map(([place, kind]) => [place, kind]).sort()).toEqual([
      ['a', 'value'],
      ['c', 'begun'],
    ]);
    // The fork is a play like any other.
    expect(await registry.commit(again, 1, [own(again, 'd')])).toEqual({ result: 'done' });
    expect(await registry.end(again)).toEqual({ result: 'done' });
  });

  test('a fork of a fork, and one of a play that has ended, inherit too', async () => {
    const mine = await registry.running();
    await registry.commit(mine, 1, [own(mine, 'a'), own(mine, 'b')]);
    await registry.end(mine);
    const first = await fork(mine.play_sid);
    const second = await fork(first.sid);
    expect(second.forked_from).toMatchObject({ play_sid: first.sid, kept: 2 });
    expect(keptOf(second)).toEqual(['a', 'b']);
    expect(await rememberedBy(second.sid)).toEqual(['a', 'b'].map((p) => `${p} value "${p} of ${mine.play_sid}"`));
  });

  test('10,000 steps are inherited and counted exactly although only 200 are listed', async () => {
    const mine = await registry.running();
    for (let group = 1; group <= 5; group++) {
      const steps = Array.from({ length: 2_000 }, (_, n) => own(mine, `${group} ${n}`));
      expect(await registry.commit(mine, group, steps)).toEqual({ result: 'done' });
    }
    const play = await fork(mine.play_sid);
    expect(play.forked_from).toMatchObject({ kept: 10_000, left: 0 });
    expect(play.forked_from?.steps).toHaveLength(200);
    expect((await registry.sql('SELECT FROM steps WHERE play_sid = $1', play.sid)).length).toBe(10_000);
  }, 60_000);
});

describe('from a span', () => {
  test('commits before it began are kept; the span itself, spans below it and later commits are not', async () => {
    const mine = await registry.running();
    await registry.commit(mine, 1, [own(mine, 'before')]);
    await moment();
    const from_span_id = began(mine, 'from');
    await registry.commit(mine, 2, [
      own(mine, 'deep', { parent_place: 'inner' }),
      own(mine, 'inner', { parent_place: 'from' }),
      own(mine, 'from'),
    ]);
    await registry.commit(mine, 3, [own(mine, 'later')]);
    const play = await fork(mine.play_sid, { from_span_id });
    expect(play.forked_from).toMatchObject({ span_id: from_span_id, kept: 1, left: 4 });
    expect(keptOf(play)).toEqual(['before']);
    for (const name of ['from', 'inner', 'deep']) expect(reasonOf(play, name)).toContain('runs again');
    expect(reasonOf(play, 'later')).toContain('after the step began');
    expect(await rememberedBy(play.sid)).toEqual([`before value "before of ${mine.play_sid}"`]);
  });

  test('that begins again in a later attempt: commits of an earlier attempt below it are not kept', async () => {
    const mine = await registry.running();
    // Neither the block nor the call in it has an outcome: only the tree knows the spans below it.
    await registry.commit(mine, 1, [own(mine, 'before'), own(mine, 'below', { parent_place: 'unfinished' })]);
    await registry.crash(mine);
    await registry.claimed(mine.play_sid);
    await moment();
    const from_span_id = began(mine, 'block', { below: [spanOf(mine.play_sid, 'below')] });
    expect(keptOf(await fork(mine.play_sid, { from_span_id }))).toEqual(['before']);
  });

  test('in a pipelined play: spans that had ended before are kept although they were committed later, enclosing ones are not', async () => {
    const mine = await registry.running();
    const id = (place: string) => spanOf(mine.play_sid, place);
    const from_span_id = began(mine, 'from', { before: [id('ended')], after: [id('around'), id('late')] });
    await moment();
    await registry.commit(mine, 1, [own(mine, 'ended'), own(mine, 'late'), own(mine, 'around'), own(mine, 'unheard')]);
    expect(keptOf(await fork(mine.play_sid, { from_span_id }))).toEqual(['ended']);
  });

  test('the root span keeps nothing, an unknown one is not found', async () => {
    const mine = await registry.running();
    await registry.commit(mine, 1, [own(mine, 'a')]);
    const play = await fork(mine.play_sid, { from_span_id: spanOf(mine.play_sid, ROOT) });
    expect(play.forked_from).toMatchObject({ kept: 0, left: 1 });
    expect(await rememberedBy(play.sid)).toEqual([]);
    expect(await codeOf(fork(mine.play_sid, { from_span_id: '0000000000000bad' }))).toBe('NOT_FOUND');
    expect(await codeOf(fork('nobody'))).toBe('NOT_FOUND');
  });
});

describe('answers', () => {
  test('are kept under their new ids; open questions are asked again', async () => {
    const mine = await registry.running('executor-a', { prefill_resumes: { given: ['yes'] } });
    await registry.pause(mine, 1, [question('given'), question('nap', { kind: 'timer', timeout_ms: 60_000 })]);
    const play = await fork(mine.play_sid);
    expect(play).toMatchObject({ prefill_only: true, pending_resumes: [], waits: [] });
    expect(play.forked_from).toMatchObject({ kept: 1, left: 0 });
    expect(play.received_resumes).toEqual({ [resumeOf(play.sid, 'place of given')]: 'yes' });
    expect(await rememberedBy(play.sid)).toEqual(['place of given answer "yes"']);
  });

  test('that are not kept make their prefilled answers available again; those of kept ones stay used', async () => {
    const mine = await registry.running('executor-a', { prefill_resumes: { 'ask *': [1, 2, 3] } });
    await registry.pause(mine, 1, [question('ask a')]);
    await moment();
    const from_span_id = began(mine, 'from');
    await registry.pause(mine, 2, [question('ask b')]);
    const play = await fork(mine.play_sid, { from_span_id });
    expect(keptOf(play)).toEqual(['ask a']);
    const again = await registry.claimed(play.sid);
    const { answers } = await registry.pause(again, 1, [question('ask a'), question('ask b'), question('ask c')]);
    expect(answers.map(({ payload }) => payload)).toEqual(['1', '2', '3']);
  });
});

describe('on another version', () => {
  const flows = (...hashes: string[]): Inspection['flows'] =>
    hashes.map((hash) => ({ name: hash, function: hash, line: 1, is_async: false, source_sha256: hash }));

  test('only outcomes of unchanged functions are kept, and those without a function in the source', async () => {
    const made = await registry.bus.ask(workflowCreate, {
      name: 'moving',
      python_source: source({ flows: flows('same', 'old') }),
    });
    const { sid } = await registry.bus.ask(workflowCreateVersion, {
      workflow_sid: made.sid,
      python_source: source({ flows: flows('same', 'new') }),
    });
    const started = await registry.start({ version_sid: undefined });
    await registry.sql(
      'UPDATE plays SET workflow_sid = $2, version_sid = $3 WHERE sid = $1',
      started.sid,
      made.sid,
      made.current_version_sid,
    );
    const mine = await registry.claimed(started.sid);
    await registry.commit(mine, 1, [
      own(mine, 'a', { function_sha256: 'same' }),
      own(mine, 'b', { function_sha256: 'old' }),
      own(mine, 'c', { function_sha256: '' }),
      own(mine, 'd', { function_sha256: 'old', kind: 'begun', outcome: '{"begins":1}' }),
    ]);
    const decide = question('decide:d', {
      role: 'decision',
      parent_place: 'd',
      span_id: spanOf(mine.play_sid, 'decide'),
    });
    const asked = question('who', { parent_place: 'b', span_id: spanOf(mine.play_sid, 'who') });
    const paused = await registry.pause(mine, 2, [decide, asked]);
    for (const id of paused.resume_ids) {
      await registry.sql(
        `UPDATE resumes SET outcome = 'answer', payload = '1', resumed_at = now(), resumed_by = 'interactive' WHERE id = $1`,
        id,
      );
    }
    expect((await registry.play(mine.play_sid)).current_version_sid).toBe(sid);
    const moved = await fork(mine.play_sid, { version_sid: sid });
    expect(moved).toMatchObject({ version_sid: sid, version_number: 2, current_version_sid: sid });
    expect(keptOf(moved)).toEqual(['a', 'c', 'who']);
    expect(reasonOf(moved, 'b')).toContain('source of its function');
    expect(reasonOf(moved, 'decide:d')).toContain('runs again');
    const [row] = await registry.sql(`SELECT step_key FROM steps WHERE play_sid = $1 AND place = 'a'`, moved.sid);
    expect(row?.step_key).toBe(hex('sha1', `${sid}|a`));
    const same = await fork(mine.play_sid);
    expect(same.forked_from).toMatchObject({ kept: 6, left: 0 });
    expect(await codeOf(fork(mine.play_sid, { version_sid: registry.workflowSid }))).toBe('NOT_FOUND');
    await registry.bus.ask(workflowDelete, { workflow_sid: made.sid, force: true }).catch(() => undefined);
    expect(await codeOf(fork(mine.play_sid))).toBe('NOT_FOUND');
  });

  test('the input is checked against the version of the new play, with all faults', async () => {
    const inputs = ['label', 'count'].map((name) => ({ name, field_type: 'string' as const, required: true }));
    const made = await registry.bus.ask(workflowCreate, {
      name: 'strict',
      python_source: source({ inputs }),
    });
    const { sid } = await registry.start();
    await registry.sql(
      'UPDATE plays SET workflow_sid = $2, version_sid = $3 WHERE sid = $1',
      sid,
      made.sid,
      made.current_version_sid,
    );
    const error = await fork(sid, { input_data: { label: 1, other: 2 } }).catch((fault: HeroError) => fault);
    expect(error).toMatchObject({ code: 'INVALID_PARAMS' });
    expect((error as HeroError).issues?.map(({ path }) => path).sort()).toEqual([
      'input_data.count',
      'input_data.label',
      'input_data.other',
    ]);
    const input_data = { label: 'l', count: 'c' };
    expect((await fork(sid, { input_data })).input_data).toEqual(input_data);
  });
});

test('a fork that fails by an inherited error can be retried: the error is dropped although another play raised it', async () => {
  const mine = await registry.running();
  const span = spanOf(mine.play_sid, 'a');
  const outcome = JSON.stringify({ type: 'E', message: 'no', data: null, traceback: '', span });
  await registry.commit(mine, 1, [own(mine, 'a', { kind: 'error', outcome }), own(mine, 'b')]);
  const play = await fork(mine.play_sid);
  const again: Mine = await registry.claimed(play.sid);
  const error = { type: 'E', message: 'no', traceback: '', span_id: span };
  await registry.end(
    { ...again, ...fenceOf(again) },
    { status: 'failed', output: null, error, failed_at: [span, spanOf(play.sid, 'a')] },
  );
  await registry.bus.ask(playRetry, { play_sid: play.sid });
  expect(await rememberedBy(play.sid)).toEqual([`b value "b of ${mine.play_sid}"`]);
});
