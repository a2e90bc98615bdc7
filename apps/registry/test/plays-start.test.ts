/** play_start: reports all faults, accepts in one commit, returns the same play for the same key, pins the version (I9). */
import {
  change,
  type HeroError,
  type Issue,
  type ParamsInput,
  playCancel,
  playRunAsync,
  playStart,
  playStatus,
  workflowCreate,
  workflowCreateVersion,
  workflowUpdate,
} from '@hero/contracts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { codeOf, PlayService } from './play-service.js';
import { source } from './workflow-service.js';

let registry: PlayService;
let typed: string;
beforeAll(async () => {
  registry = await PlayService.start();
  const inputs = [
    { name: 'topic', field_type: 'string' as const, required: true },
    { name: 'count', field_type: 'integer' as const, required: false, default: 3 },
  ];
  typed = (await registry.bus.ask(workflowCreate, { name: 'typed', python_source: source({ inputs }) })).sid;
});
afterAll(async () => registry[Symbol.asyncDispose]());

type Ask = ParamsInput<typeof playRunAsync>;
const fault = (ask: Ask): Promise<{ code: string; issues: Issue[] }> =>
  registry.bus.ask(playRunAsync, ask).then(
    () => ({ code: 'started', issues: [] }),
    ({ code, issues = [] }: HeroError) => ({ code, issues }),
  );
const paths = async (ask: Ask): Promise<string[]> => (await fault(ask)).issues.map(({ path }) => path);
const plays = async (): Promise<number> => {
  const [row] = await registry.sql<{ n: number }>('SELECT count(*)::int AS n FROM plays');
  return row?.n ?? Number.NaN;
};

describe('a faulty start', () => {
  test('gets all faults, each with its path, and stores nothing', async () => {
    const before = await plays();
    const input_data = { count: 'three', topic: 'a\0b', toppic: true };
    const prefill_resumes = { who: { name: '\ud800' } };
    expect((await paths({ workflow_sid: typed, input_data, prefill_resumes })).sort()).toEqual([
      'input_data.count',
      'input_data.topic',
      'input_data.toppic',
      'prefill_resumes.who.name',
    ]);
    expect(await paths({ workflow_sid: typed, input_data: {} })).toEqual(['input_data.topic']);
    expect(await plays()).toBe(before);
  });

  test('gets NOT_FOUND for an unknown workflow or version, also for a version of another workflow', async () => {
    const [other] = await registry.sql<{ sid: string }>('SELECT sid FROM versions WHERE workflow_sid = $1', typed);
    expect((await fault({ workflow_sid: 'none' })).code).toBe('NOT_FOUND');
    expect((await fault({ workflow_name: 'none' })).code).toBe('NOT_FOUND');
    expect((await fault({ workflow_sid: registry.workflowSid, version_sid: other?.sid })).code).toBe('NOT_FOUND');
  });

  test('is refused if its parent is unknown or final: no child is started after a cancel (I6)', async () => {
    const { sid } = await registry.start();
    await registry.bus.ask(playCancel, { play_sid: sid });
    for (const parent_play_sid of ['none', sid]) {
      expect(await paths({ workflow_sid: registry.workflowSid, parent_play_sid })).toEqual(['parent_play_sid']);
    }
  });
});

describe('an accepted start', () => {
  test('returns the same play as play_status, with defaults filled in', async () => {
    const play = await registry.bus.ask(playStart, { workflow_sid: typed, input_data: { topic: 'ä 😀' } });
    expect(play).toMatchObject({ status: 'pending', name: 'typed', input_data: { topic: 'ä 😀', count: 3 } });
    expect(await registry.bus.ask(playStatus, { play_sid: play.sid })).toEqual(play);
    expect((await registry.claimed(play.sid)).input).toBe('{"topic":"ä 😀","count":3}');
  });

  test('is announced and published immediately, without waiting for a timer', async () => {
    const { sid } = await registry.start();
    await registry.woken(sid, 0, 1);
    await registry.changed(sid, 'pending');
    expect(change('play', sid)).toBe(`hero.events.play.${sid}`);
  });

  test('I9: stays on its version when the workflow has a newer one', async () => {
    const python_source = source({}, 'return 1');
    const { sid } = await registry.bus.ask(workflowCreate, { name: 'moving', python_source });
    const first = await registry.bus.ask(playStart, { workflow_name: 'moving' });
    const newer = source({}, 'return 2');
    const version = await registry.bus.ask(workflowCreateVersion, { workflow_sid: sid, python_source: newer });
    const second = await registry.bus.ask(playStart, { workflow_name: 'moving' });
    const old = await registry.bus.ask(playStart, { workflow_name: 'moving', version_sid: first.version_sid });
    expect([first, second, old].map((play) => play.version_number)).toEqual([1, 2, 1]);
    expect(second.version_sid).toBe(version.sid);
    expect((await registry.claimed(first.sid)).source).toBe(python_source);
    expect((await registry.claimed(second.sid)).source).toBe(newer);
  });
});

describe('what the registry remembers of a workflow', () => {
  test('is not used when another version is current, nor are its inputs', async () => {
    const { sid } = await registry.bus.ask(workflowCreate, { name: 'growing', python_source: source({}, 'return 1') });
    const [bySid, byName] = [{ workflow_sid: sid }, { workflow_name: 'growing' }];
    for (const ask of [bySid, byName]) await registry.bus.ask(playStart, ask);
    const inputs = [{ name: 'topic', field_type: 'string' as const, required: true }];
    const version = { workflow_sid: sid, python_source: source({ inputs }) };
    const newer = await registry.bus.ask(workflowCreateVersion, version);
    // The remembered version would take this call, and refuse the next one.
    expect(await paths(bySid)).toEqual(['input_data.topic']);
    const second = await registry.bus.ask(playStart, { ...byName, input_data: { topic: 'tea' } });
    expect(second.version_sid).toBe(newer.sid);
  });

  test('is not used when another workflow has its name, or it was deleted', async () => {
    const { sid } = await registry.bus.ask(workflowCreate, { name: 'first name', python_source: source({}) });
    const byName = { workflow_name: 'first name' };
    for (const _ of [1, 2]) await registry.bus.ask(playStart, byName);
    await registry.bus.ask(workflowUpdate, { workflow_sid: sid, name: 'second name' });
    expect((await fault(byName)).code).toBe('NOT_FOUND');
    const other = await registry.bus.ask(workflowCreate, { name: 'first name', python_source: source({}) });
    expect((await registry.bus.ask(playStart, byName)).workflow_sid).toBe(other.sid);
    expect((await registry.bus.ask(playStart, { workflow_sid: sid })).name).toBe('second name');
  });
});

describe('idempotency_key', () => {
  test('returns one play to twenty concurrent starts, regardless of the order of their keys', async () => {
    const ask = (n: number): Ask => ({
      workflow_sid: typed,
      input_data: n % 2 ? { topic: 'x', count: 1 } : { count: 1, topic: 'x' },
      idempotency_key: 'twenty',
    });
    const before = await plays();
    const sids = await Promise.all(Array.from({ length: 20 }, (_, n) => registry.bus.ask(playRunAsync, ask(n))));
    expect(new Set(sids).size).toBe(1);
    expect(await plays()).toBe(before + 1);
    const [rows] = await registry.sql<{ n: number }>(
      'SELECT count(*)::int AS n FROM inputs WHERE play_sid NOT IN (SELECT sid FROM plays)',
    );
    expect(rows?.n).toBe(0);
  });

  test('returns the play as it is now, and CONFLICT for other parameters', async () => {
    const ask = { workflow_sid: registry.workflowSid, idempotency_key: 'again' };
    const play = await registry.bus.ask(playStart, ask);
    await registry.bus.ask(playCancel, { play_sid: play.sid });
    expect(await registry.bus.ask(playStart, ask)).toMatchObject({ sid: play.sid, status: 'cancelled' });
    expect(await codeOf(registry.bus.ask(playStart, { ...ask, name: 'other' }))).toBe('CONFLICT');
    expect(await codeOf(registry.bus.ask(playStart, { ...ask, timeout_ms: 5 }))).toBe('CONFLICT');
  });
});

test('a play that starts itself by play_run_async is refused 100 deep, like one that spawns itself', async () => {
  const workflow_sid = registry.workflowSid;
  let parent_play_sid = await registry.bus.ask(playRunAsync, { workflow_sid });
  for (let depth = 1; depth <= 100; depth++) {
    parent_play_sid = await registry.bus.ask(playRunAsync, { workflow_sid, parent_play_sid });
  }
  expect((await registry.row(parent_play_sid)).depth).toBe(100);
  expect(await paths({ workflow_sid, parent_play_sid })).toEqual(['parent_play_sid']);
}, 60_000);
