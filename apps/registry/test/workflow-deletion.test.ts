import { type Bus, connectBus, Handle } from '@hero/bus';
import {
  allChanges,
  type HeroError,
  type Params,
  playClaim,
  playStart,
  playStatus,
  playWait,
  type Result,
  spansDelete,
  workflowCreate,
  workflowDelete,
  workflowGet,
  workflowRevisions,
  workflowVersionFetch,
} from '@hero/contracts';
import { bootService, type RunningService } from '@hero/service-kit';
import { type TestDatabase, type TestServer, tempFolder, testDatabase, testNats, until } from '@hero/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller, type INestMicroservice } from '@nestjs/common';
import pg from 'pg';
import registry from '../src/main.js';
import { ExecutorDoor, serve, source } from './workflow-service.js';

const spansDeleted: string[] = [];
/** The deletion method of span-ingest. */
@Controller()
class SpanDoor {
  @Handle(spansDelete) remove(p: Params<typeof spansDelete>): Result<typeof spansDelete> {
    spansDeleted.push(...p.play_sids);
    return { ok: true };
  }
}

let nats: TestServer;
let database: TestDatabase;
let bus: Bus;
let service: RunningService;
const doors: INestMicroservice[] = [];
beforeAll(async () => {
  [nats, database] = await Promise.all([testNats(), testDatabase()]);
  bus = await connectBus({ url: nats.url, name: 'test' });
  doors.push(await serve(bus, 'executor', ExecutorDoor), await serve(bus, 'span-ingest', SpanDoor));
  await using home = await tempFolder();
  const env = { NATS_URL: nats.url, DATABASE_URL: database.url, HERO_HOME: home.path, HERO_LOG_LEVEL: 'silent' };
  service = await bootService(registry, { env });
});
afterAll(async () => {
  await service.stop();
  await Promise.all(doors.map((door) => door.close()));
  await bus.drain();
  await database[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

let count = 0;
const create = () => bus.ask(workflowCreate, { name: `doomed ${++count}`, python_source: source() });
const start = (workflow_sid: string) => bus.ask(playStart, { workflow_sid });
const remove = (workflow_sid: string, force = false) => bus.ask(workflowDelete, { workflow_sid, force });
const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'it did not fail',
    (error: HeroError) => error.code,
  );
const rows = async (sql: string, ...values: string[]): Promise<number> => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rowCount } = await client.query(sql, values);
  await client.end();
  return rowCount ?? 0;
};

describe('workflow_delete', () => {
  test('deletes the workflow and its versions, frees its name, and followers learn of it', async () => {
    const workflow = await create();
    const heard: unknown[] = [];
    const following = await bus.follow(allChanges('workflow'), (data) => heard.push(data));
    expect(await remove(workflow.sid)).toEqual({ ok: true });
    expect(await codeOf(bus.ask(workflowGet, { workflow_sid: workflow.sid }))).toBe('NOT_FOUND');
    expect(await codeOf(bus.ask(workflowVersionFetch, { version_sid: workflow.current_version_sid }))).toBe(
      'NOT_FOUND',
    );
    expect(await codeOf(remove(workflow.sid))).toBe('NOT_FOUND');
    const { items, revision } = await bus.ask(workflowRevisions, { after: 0 });
    expect(items.at(-1)).toEqual({ revision, workflow_sid: workflow.sid, workflow: null });
    await until(async () => heard.length > 0, { what: 'the announcement' });
    expect(heard).toEqual([{ workflow_sid: workflow.sid, revision, deleted: true }]);
    await following.stop();
    const again = await bus.ask(workflowCreate, { name: workflow.name, python_source: source() });
    expect(again.sid).not.toBe(workflow.sid);
  });

  test('is refused while plays are not final, and says how many', async () => {
    const workflow = await create();
    const plays = [await start(workflow.sid), await start(workflow.sid)];
    const error = (await remove(workflow.sid).catch((reason: unknown) => reason)) as HeroError;
    expect(error.code).toBe('INVALID_STATE');
    expect(error.message).toContain('1 more');
    expect(error.details).toEqual({ play_sids: plays.map((play) => play.sid).sort() });
    expect(await bus.ask(workflowGet, { workflow_sid: workflow.sid })).toEqual(workflow);
    expect((await bus.ask(playStatus, { play_sid: plays[0]?.sid ?? '' })).status).toBe('pending');
  });

  test('with force cancels plays that are not final and deletes every play with its spans', async () => {
    const workflow = await create();
    const [pending, running] = [await start(workflow.sid), await start(workflow.sid)];
    const sandbox = { level: 'off' as const, enforced: [], missing: [] };
    const claimed = await bus.ask(playClaim, { owner: 'x', play_sid: running.sid, run_seq: 1, sandbox });
    expect(claimed.run?.source).toBe(source());
    const waiting = codeOf(bus.ask(playWait, { play_sid: running.sid }));
    expect(await remove(workflow.sid, true)).toEqual({ ok: true });
    for (const { sid } of [pending, running]) {
      expect(await codeOf(bus.ask(playStatus, { play_sid: sid }))).toBe('NOT_FOUND');
      expect(await rows('SELECT FROM registry.inputs WHERE play_sid = $1', sid)).toBe(0);
    }
    expect(await waiting).toBe('NOT_FOUND');
    expect(await rows('SELECT FROM registry.versions WHERE workflow_sid = $1', workflow.sid)).toBe(0);
    const both = [pending.sid, running.sid];
    await until(async () => both.every((sid) => spansDeleted.includes(sid)), { what: 'the deletion of the spans' });
  });

  test('during many starts leaves no play without its workflow', async () => {
    const workflow = await create();
    const starts = Promise.allSettled(Array.from({ length: 40 }, () => start(workflow.sid)));
    await remove(workflow.sid, true);
    const codes = (await starts).flatMap((one) => (one.status === 'rejected' ? [(one.reason as HeroError).code] : []));
    expect(codes.filter((code) => code !== 'NOT_FOUND')).toEqual([]);
    expect(await rows('SELECT FROM registry.plays WHERE workflow_sid = $1', workflow.sid)).toBe(0);
  });

  test('and a concurrent save under the same name do not deadlock', async () => {
    for (let round = 0; round < 10; round++) {
      const workflow = await create();
      const [removed, renamed] = await Promise.all([
        remove(workflow.sid),
        codeOf(bus.ask(workflowCreate, { name: workflow.name, python_source: source() })),
      ]);
      expect(removed).toEqual({ ok: true });
      expect(['CONFLICT', 'it did not fail']).toContain(renamed);
    }
  });
});

describe('parameters', () => {
  test('are refused with all faults', async () => {
    const asked = bus.askRaw(workflowCreate, { name: '', python_source: 5, tags: [''], colour: 'red' });
    const error = (await asked.catch((reason: unknown) => reason)) as HeroError;
    expect(error.code).toBe('INVALID_PARAMS');
    expect(error.issues?.map(({ path }) => path).sort()).toEqual(['', 'name', 'python_source', 'tags.0']);
  });

  test('may have a source of several megabytes, which is returned unchanged', async () => {
    const python_source = source({}, `"${'ä'.repeat(3 * 1024 * 1024)}"`);
    const { current_version_sid } = await bus.ask(workflowCreate, { name: 'large', python_source });
    const version = await bus.ask(workflowVersionFetch, { version_sid: current_version_sid });
    expect(version.python_source === python_source).toBe(true);
  });
});
