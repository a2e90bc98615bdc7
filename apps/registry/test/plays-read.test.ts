/** Reading plays: lists, waits, cancels with their children, deletion. */
import { setImmediate as turn } from 'node:timers/promises';
import { Bus, Handle } from '@hero/bus';
import {
  executorNotice,
  HeroError,
  type Params,
  type ParamsInput,
  playCancel,
  playDelete,
  playHook,
  playEventsMark,
  playList,
  playPendingResumes,
  playResume,
  playRunAsync,
  playWait,
  registryStatus,
  spansDelete,
  workflowCreate,
} from '@hero/contracts';
import { until } from '@hero/testing';
import { Controller } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { codeOf, PlayService, question, step } from './play-service.js';
import { serve, source } from './workflow-service.js';

let registry: PlayService;
beforeAll(async () => {
  registry = await PlayService.start();
});
afterAll(async () => registry[Symbol.asyncDispose]());

describe('play_list', () => {
  const list = async (filter: ParamsInput<typeof playList>): Promise<string[]> =>
    (await registry.bus.ask(playList, filter)).items.map(({ sid }) => sid);

  test('shows the newest first, in pages that new plays do not shift', async () => {
    const { sid: workflow_sid } = await registry.bus.ask(workflowCreate, { name: 'paged', python_source: source() });
    const sids: string[] = [];
    for (let n = 0; n < 7; n++) sids.unshift(await registry.bus.ask(playRunAsync, { workflow_sid }));
    const seen: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page = await registry.bus.ask(playList, { workflow_sid, limit: 3, ...(cursor && { cursor }) });
      seen.push(...page.items.map(({ sid }) => sid));
      await registry.bus.ask(playRunAsync, { workflow_sid });
      cursor = page.next_cursor;
    } while (cursor);
    expect(seen).toEqual(sids);
    expect(await codeOf(registry.bus.ask(playList, { cursor: 'nonsense' }))).toBe('INVALID_PARAMS');
  });

  test('filters by workflow, version, status, parent, time, text and by parts of the input', async () => {
    const inputs = [{ name: 'job', field_type: 'object' as const, required: true }];
    const python_source = source({ inputs });
    const { sid: workflow_sid } = await registry.bus.ask(workflowCreate, { name: 'filtered', python_source });
    const start = (input: object, name = 'usual'): Promise<string> =>
      registry.bus.ask(playRunAsync, { workflow_sid, name, input_data: { job: input } as never });
    const a = await start({ city: 'Bern', size: 1.5, tags: ['x', 'y'] });
    const b = await start({ city: 'Basel' }, 'One_100% odd\\name');
    const failed = await registry.claimed(b);
    const error = { type: 'ValueError', message: 'no such Street', traceback: '', span_id: null };
    await registry.end(failed, { status: 'failed', output: null, error });
    const child = await registry.bus.ask(playRunAsync, { workflow_sid, input_data: { job: {} }, parent_play_sid: a });
    const all = { workflow_sid };
    expect(await list({ ...all, status: 'failed' })).toEqual([b]);
    expect(await list({ ...all, status: ['pending', 'failed'] })).toEqual([child, b, a]);
    expect(await list({ parent_play_sid: a })).toEqual([child]);
    expect(await list({ ...all, text: 'STREET' })).toEqual([b]);
    expect(await list({ ...all, text: '100% ODD\\n' })).toEqual([b]);
    expect(await list({ ...all, text: '1000' })).toEqual([]);
    expect(await list({ text: 'FILTER' })).toEqual([child, b, a]);
    expect(await list({ ...all, input: { job: { city: 'Bern' } } })).toEqual([a]);
    expect(await list({ ...all, input: { job: { size: 1.5, tags: ['y'] } } })).toEqual([a]);
    expect(await list({ ...all, input: { job: { city: 'Genf' } } })).toEqual([]);
    const { created_at } = await registry.play(b);
    expect(await list({ ...all, since: created_at })).toContain(b);
    expect(await list({ ...all, until: created_at })).toEqual([a]);
    const { version_sid } = await registry.play(a);
    expect(await list({ version_sid })).toEqual([child, b, a]);
    expect(await codeOf(list({ since: 'yesterday' }))).toBe('INVALID_PARAMS');
  });
});

describe('play_wait', () => {
  test('ends with the play, for any number of waiters', async () => {
    const mine = await registry.running();
    const waits = Array.from({ length: 20 }, () => registry.bus.ask(playWait, { play_sid: mine.play_sid }));
    await registry.end(mine, { output: '{"n": 1}' });
    for (const wait of waits) expect(await wait).toMatchObject({ status: 'success', output_data: { n: 1 } });
  });

  test('does not miss an end that happens while it begins', async () => {
    for (let n = 0; n < 50; n++) {
      const mine = await registry.running();
      const wait = registry.bus.ask(playWait, { play_sid: mine.play_sid, timeout_ms: 20_000 });
      for (let turns = n % 5; turns > 0; turns--) await turn();
      await registry.end(mine);
      expect((await wait).status).toBe('success');
    }
  });

  test('returns the play as it is at its limit', async () => {
    const { sid } = await registry.start();
    expect(await registry.bus.ask(playWait, { play_sid: sid, timeout_ms: 30 })).toMatchObject({ status: 'pending' });
    expect(await codeOf(registry.bus.ask(playWait, { play_sid: 'none' }))).toBe('NOT_FOUND');
  });

  test('until settled also ends at a question, with or without a form, but not at a timer', async () => {
    const asked = async (more: Parameters<typeof question>[1], timeout_ms: number) => {
      const mine = await registry.running();
      const wait = registry.bus.ask(playWait, { play_sid: mine.play_sid, until: 'settled', timeout_ms });
      await registry.pause(mine, 1, [question('who', more)]);
      await registry.exit(mine);
      return wait;
    };
    // Without a limit: it ends by itself.
    for (const ui of [{ kind: 'text' }, null]) {
      expect((await asked({ ui }, 0)).pending_resumes).toHaveLength(1);
    }
    const began = performance.now();
    const timer = await asked({ kind: 'timer', timeout_ms: 60_000 }, 400);
    expect(timer).toMatchObject({ status: 'awaiting_resume', pending_resumes: [], waits: [{ kind: 'timer' }] });
    expect(performance.now() - began).toBeGreaterThanOrEqual(400);
  });
});

describe('play_cancel', () => {
  test('reaches children and their children in any status, and notifies their executors immediately', async () => {
    const child = (parent_play_sid: string) =>
      registry.bus.ask(playRunAsync, { workflow_sid: registry.workflowSid, parent_play_sid });
    const parent = await registry.running('executor-p');
    const middle = await registry.claimed(await child(parent.play_sid), 'executor-m');
    const grandchild = await registry.claimed(await child(middle.play_sid), 'executor-g');
    const pending = await child(middle.play_sid);
    await registry.end(middle);
    const notices = new Promise<unknown[]>((resolve) => {
      const got: unknown[] = [];
      const heard = (data: unknown): void => void (got.push(data) === 2 && resolve(got));
      for (const owner of ['executor-p', 'executor-g']) void registry.bus.follow(executorNotice(owner), heard);
    });
    await registry.bus.flush();
    const cancelled = await registry.bus.ask(playCancel, { play_sid: parent.play_sid, reason: 'enough' });
    expect(cancelled).toMatchObject({ status: 'cancelled', error: { type: 'Cancelled', message: 'enough' } });
    const statuses = await Promise.all(
      [middle.play_sid, grandchild.play_sid, pending].map(async (sid) => (await registry.play(sid)).status),
    );
    expect(statuses).toEqual(['success', 'cancelled', 'cancelled']);
    expect(await notices).toEqual(
      expect.arrayContaining([parent, grandchild].map(({ play_sid, epoch }) => ({ gone: [{ play_sid, epoch }] }))),
    );
    expect(await codeOf(registry.bus.ask(playCancel, { play_sid: parent.play_sid }))).toBe('INVALID_STATE');
  });

  test('closes the play’s questions and timers', async () => {
    const mine = await registry.running();
    await registry.pause(mine, 1, [question('who', { timeout_ms: 50, default: '1' })]);
    await registry.bus.ask(playCancel, { play_sid: mine.play_sid });
    expect((await registry.play(mine.play_sid)).pending_resumes).toEqual([]);
    expect(await registry.bus.ask(playPendingResumes, { play_sid: mine.play_sid })).toEqual([]);
    const late = registry.bus.ask(playResume, { play_sid: mine.play_sid, name: 'who', payload: 1 });
    expect(await codeOf(late)).toBe('INVALID_STATE');
    // They are removed from the indexes of open and of due waits.
    const left = 'SELECT FROM resumes WHERE play_sid = $1 AND (due_at IS NOT NULL OR NOT withdrawn)';
    expect(await registry.sql(left, mine.play_sid)).toEqual([]);
    expect((await registry.row(mine.play_sid)).status).toBe('cancelled');
  });
});

const TABLES_OF_PLAYS = `SELECT table_name FROM information_schema.columns
  WHERE table_schema = 'registry' AND column_name = 'play_sid' AND table_name <> 'outbox' ORDER BY 1`;

describe('play_delete', () => {
  test('deletes all rows of a final play, and its spans as soon as span-ingest answers', async () => {
    const mine = await registry.running('executor-d', { idempotency_key: 'gone', prefill_resumes: { a: 1 } });
    const { play_sid } = mine;
    expect(await codeOf(registry.bus.ask(playDelete, { play_sid }))).toBe('INVALID_STATE');
    await registry.commit(mine, 1, [step('a')]);
    await registry.pause(mine, 2, [question('a')]);
    await registry.bus.ask(playResume, { play_sid, name: 'later', payload: 1 });
    await registry.bus.ask(playHook, { play_sid, resume_id: 'e'.repeat(32), name: 'linked', parent_place: '' });
    // The tables are read from the catalogue, so a new table must get a row of this play here, and lose it below.
    const tables = (await registry.sql(TABLES_OF_PLAYS)).map(({ table_name }) => String(table_name));
    const holding = async (): Promise<string[]> => {
      const found: string[] = [];
      for (const table of tables) {
        if ((await registry.sql(`SELECT FROM ${table} WHERE play_sid = $1`, play_sid)).length > 0) found.push(table);
      }
      return found;
    };
    expect(await holding()).toEqual(tables);
    await registry.end(mine, { events: { source: 'x1', batch: 7 } });
    expect(await registry.bus.ask(playEventsMark, { play_sid })).toEqual({ mark: { source: 'x1', batch: 7 } });

    const asked: string[] = [];
    let up = false;
    @Controller()
    class SpanDoor {
      @Handle(spansDelete) remove({ play_sids }: Params<typeof spansDelete>) {
        asked.push(...play_sids);
        if (!up) throw new HeroError('UNAVAILABLE', 'not yet');
        return { ok: true as const };
      }
    }
    const door = await serve(registry.bus as Bus, 'span-ingest', SpanDoor);
    expect(await registry.bus.ask(playDelete, { play_sid })).toEqual({ ok: true });
    expect(await holding()).toEqual([]);
    await until(async () => asked.length > 0, { what: 'the first try' });
    up = true;
    await registry.sql('UPDATE outbox SET due_at = now() WHERE play_sid = $1', play_sid);
    const told = async () => (await registry.sql('SELECT FROM outbox WHERE play_sid = $1', play_sid)).length === 0;
    await until(told, { within: 20_000, what: 'the deletion of the spans' });
    await door.close();
    expect(new Set(asked)).toEqual(new Set([play_sid]));
    expect(await codeOf(registry.play(play_sid))).toBe('NOT_FOUND');
  });
});

test('registry_status counts the plays that are not final', async () => {
  const before = (await registry.bus.ask(registryStatus, {})).queue;
  await registry.start();
  await registry.running();
  const { queue, postgres_version } = await registry.bus.ask(registryStatus, {});
  expect(queue).toEqual({ ...before, pending: before.pending + 1, running: before.running + 1 });
  expect(postgres_version).toMatch(/^\d+/);
});
