import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { allChanges, type FlowField, HeroError, type Workflow } from '@hero/contracts';
import { source, type WorkflowService, workflowService } from './workflow-service.js';

let service: WorkflowService;
beforeAll(async () => {
  service = await workflowService();
});
afterAll(async () => service[Symbol.asyncDispose]());

let count = 0;
const named = (): string => `flow ${++count}`;
const create = (name = named(), declared = {}, more = {}): Promise<Workflow> =>
  service.workflows.create({ name, python_source: source(declared), ...more });

const failure = async (asked: Promise<unknown>): Promise<HeroError> => {
  const error = await asked.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof HeroError) return error;
  throw error;
};
const fields: FlowField[] = [
  { name: 'topic', field_type: 'string', required: true, description: 'what about' },
  { name: 'limits', field_type: 'object', required: false, default: { z: 1, a: [1.5, null] } },
];

describe('a new workflow', () => {
  test('has the declarations of its source, and its first version is current', async () => {
    const tags = ['text', 'demo', 'text'];
    const workflow = await create('declares', {
      description: 'Writes.',
      tags,
      inputs: fields,
      requirements: ['httpx'],
    });
    expect(workflow).toMatchObject({ name: 'declares', description: 'Writes.', tags: ['text', 'demo'] });
    expect(workflow.current_version_number).toBe(1);
    expect(workflow.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const version = await service.workflows.fetchVersion({ version_sid: workflow.current_version_sid });
    expect(version).toMatchObject({ workflow_sid: workflow.sid, number: 1, entry: 'main', requirements: ['httpx'] });
    // The keys of a default come back in the order in which they were written.
    expect(JSON.stringify(version.inputs)).toBe(JSON.stringify(fields));
    expect(await service.workflows.get({ name: 'declares' })).toEqual(workflow);
    expect(await service.workflows.get({ workflow_sid: workflow.sid })).toEqual(workflow);
  });

  test('has the given description and tags instead of those of its source', async () => {
    const declared = { description: 'Declared.', tags: ['declared'] };
    expect(await create(named(), declared, { description: '', tags: [] })).toMatchObject({ description: '', tags: [] });
  });

  test('cannot have the name of another one', async () => {
    const { sid } = await create('taken');
    const error = await failure(create('taken'));
    expect(error).toMatchObject({ code: 'CONFLICT', details: { workflow_sid: sid } });
    expect(error.message).toContain(sid);
  });

  test('of ten that are saved under one name at the same time, one succeeds and the others get its sid', async () => {
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => create('raced')));
    const won = all.filter((one) => one.status === 'fulfilled').map((one) => one.value.sid);
    const lost = all.filter((one) => one.status === 'rejected').map((one) => one.reason as HeroError);
    expect(won).toHaveLength(1);
    expect(lost.map((error) => error.details)).toEqual(Array(9).fill({ workflow_sid: won[0] }));
  });

  test('is not saved from a source with faults, which have line and column', async () => {
    const issues = [
      { line: 7, column: 3, message: 'invalid syntax', severity: 'error' },
      { line: 9, column: 1, message: 'looks odd', severity: 'warning' },
    ];
    const error = await failure(create('broken', { entry: null, issues }));
    expect(error).toMatchObject({
      code: 'SOURCE_INVALID',
      issues: [{ path: 'python_source:7:3', message: 'invalid syntax' }],
      details: { issues: [{ line: 7, column: 3, message: 'invalid syntax' }] },
    });
    expect((await failure(service.workflows.get({ name: 'broken' }))).code).toBe('NOT_FOUND');
  });

  test('is saved if the source only has warnings', async () => {
    const issues = [{ line: 1, column: 1, message: 'a time as an argument', severity: 'warning' }];
    expect((await create(named(), { issues })).current_version_number).toBe(1);
  });

  test('needs an entry flow', async () => {
    const error = await failure(create(named(), { entry: null, flows: [] }));
    expect(error).toMatchObject({ code: 'SOURCE_INVALID', issues: [{ path: 'python_source' }] });
    expect(error.message).toContain('@flow');
  });

  test('needs valid declarations; all faults are reported', async () => {
    const inputs: FlowField[] = [
      { name: 'a', field_type: 'integer', required: false, default: 'x' },
      { name: 'b', field_type: 'string', required: false, schema: { pattern: '(' } },
    ];
    const error = await failure(create(named(), { inputs }));
    expect(error.code).toBe('SOURCE_INVALID');
    expect(error.issues?.map(({ path }) => path)).toEqual(['python_source:3:1', 'python_source:3:1']);
    expect(error.issues?.map(({ message }) => message.split(' ')[0])).toEqual([
      'inputs.a.default',
      'inputs.b.schema.pattern',
    ]);
  });

  test('grants only public methods, and names the nearest one', async () => {
    const grants = ['play_list', 'play_lst', 'step_commit', 7];
    const error = await failure(create(named(), { options: { grants } }));
    expect(error.code).toBe('SOURCE_INVALID');
    expect(error.issues?.map(({ message }) => message.split(' ')[0])).toEqual(['grants.1', 'grants.2', 'grants.3']);
    expect(error.issues?.[0]?.message).toContain('play_list');
    expect((await create(named(), { options: { grants: ['play_list'] } })).current_version_number).toBe(1);
  });

  test.each([
    ['NUL', 'x = "\0"', 'python_source:4:6'],
    ['a lone surrogate', 'x = 1\ny = "\ud800"', 'python_source:5:6'],
  ])('cannot have %s in its source', async (_, tail, path) => {
    const error = await failure(service.workflows.create({ name: named(), python_source: source() + tail }));
    expect(error).toMatchObject({ code: 'SOURCE_INVALID', issues: [{ path }] });
  });

  test('cannot be saved while no executor can inspect sources, and the error says so', async () => {
    await using alone = await workflowService({ executor: false });
    const error = await failure(alone.workflows.create({ name: 'a', python_source: source() }));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', retry: true });
    expect(error.message).toContain('executor');
  });
});

describe('an inspection', () => {
  test('returns the declarations and faults of a source, and saves nothing', async () => {
    const before = await service.workflows.revisions({ after: 0, limit: 1 });
    const issues = [{ line: 7, column: 3, message: 'invalid syntax', severity: 'error' as const }];
    expect(await service.workflows.inspect({ python_source: source({ entry: null, issues }) })).toMatchObject({
      entry: null,
      issues,
    });
    const unreadable = await service.workflows.inspect({ python_source: 'x = 1\n😀 = "\0"' });
    expect(unreadable.issues).toEqual([
      { line: 2, column: 6, message: 'the source must not contain the NUL character', severity: 'error' },
    ]);
    expect(await service.workflows.revisions({ after: 0, limit: 1 })).toEqual(before);
  });
});

describe('a version', () => {
  test('is numbered and becomes current, unless the caller declines that', async () => {
    const { sid: workflow_sid } = await create();
    const second = await service.workflows.createVersion(version(workflow_sid, 'two', { notes: 'better' }));
    expect(second).toMatchObject({ number: 2, notes: 'better' });
    const third = await service.workflows.createVersion(version(workflow_sid, 'three', { set_current: false }));
    expect(third.number).toBe(3);
    expect(await service.workflows.get({ workflow_sid })).toMatchObject({
      current_version_sid: second.sid,
      current_version_number: 2,
    });
    await service.workflows.setCurrentVersion({ workflow_sid, version_sid: third.sid });
    expect(await service.workflows.get({ workflow_sid })).toMatchObject({ current_version_number: 3 });
  });

  test('with the source of the current version is that version: saving it again adds none', async () => {
    const workflow = await create();
    const again = await service.workflows.createVersion({
      workflow_sid: workflow.sid,
      python_source: source(),
      notes: 'again',
      set_current: true,
    });
    expect(again.sid).toBe(workflow.current_version_sid);
    expect(await service.workflows.get({ workflow_sid: workflow.sid })).toEqual(workflow);
    // Saving an older source is a change, so it adds a version.
    await service.workflows.createVersion(version(workflow.sid, 'two'));
    expect(await service.workflows.createVersion(version(workflow.sid, 'pass'))).toMatchObject({ number: 3 });
  });

  test('has its own number when twenty are saved at the same time', async () => {
    const { sid } = await create();
    const saved = await Promise.all(
      Array.from({ length: 20 }, (_, i) => service.workflows.createVersion(version(sid, `n${i}`))),
    );
    expect(saved.map((one) => one.number).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
  });

  test('is stored once when ten equal ones are saved at the same time', async () => {
    const { sid } = await create();
    const params = { ...version(sid, 'same'), python_source: source({ delay_ms: 20 }, 'same') };
    const saved = await Promise.all(Array.from({ length: 10 }, () => service.workflows.createVersion(params)));
    expect(new Set(saved.map((one) => one.sid)).size).toBe(1);
  });

  test('never changes, also by direct SQL', async () => {
    const { current_version_sid } = await create();
    const change = 'UPDATE versions SET python_source = $2 WHERE sid = $1';
    await expect(service.database.run(change, [current_version_sid, ''])).rejects.toThrow('immutable');
  });

  test('of another workflow cannot become current', async () => {
    const [one, other] = [await create(), await create()];
    const mixed = { workflow_sid: one.sid, version_sid: other.current_version_sid };
    expect((await failure(service.workflows.setCurrentVersion(mixed))).code).toBe('NOT_FOUND');
    const change = 'UPDATE workflows SET current_version_sid = $2 WHERE sid = $1';
    await expect(service.database.run(change, [one.sid, other.current_version_sid])).rejects.toThrow('foreign key');
  });

  test('is listed newest first, in pages', async () => {
    const { sid } = await create();
    for (const body of ['2', '3', '4', '5']) await service.workflows.createVersion(version(sid, body));
    const first = await service.workflows.listVersions({ workflow_sid: sid, limit: 2 });
    expect(first.items.map((one) => one.number)).toEqual([5, 4]);
    await service.workflows.createVersion(version(sid, '6'));
    const cursor = first.next_cursor ?? '';
    const second = await service.workflows.listVersions({ workflow_sid: sid, limit: 3, cursor });
    expect(second).toMatchObject({ next_cursor: null });
    expect(second.items.map((one) => one.number)).toEqual([3, 2, 1]);
  });

  test('is listed in pages that end before they get too large', async () => {
    const { sid } = await create();
    const large = `"${'x'.repeat(7 * 1024 * 1024)}"`;
    for (const body of [large, `${large} + ""`, `${large} + "y"`])
      await service.workflows.createVersion(version(sid, body));
    const first = await service.workflows.listVersions({ workflow_sid: sid, limit: 50 });
    expect(first.items.map((one) => one.number)).toEqual([4, 3]);
    const second = await service.workflows.listVersions({
      workflow_sid: sid,
      limit: 50,
      cursor: first.next_cursor ?? '',
    });
    expect(second.items.map((one) => one.number)).toEqual([2, 1]);
    expect(second.next_cursor).toBeNull();
  });

  const version = (workflow_sid: string, body: string, more = {}) => ({
    workflow_sid,
    python_source: source({}, body),
    notes: '',
    set_current: true,
    ...more,
  });
});

describe('a change', () => {
  test('of name, description or tags shows immediately, moves the workflow to the top and keeps other fields', async () => {
    const workflow = await create(named(), { tags: ['a'], description: 'd' });
    await create();
    const name = named();
    const changed = await service.workflows.update({ workflow_sid: workflow.sid, name });
    expect(changed).toMatchObject({ name, tags: ['a'], description: 'd' });
    expect((await service.workflows.list({ limit: 1 })).items).toEqual([changed]);
  });

  test('to the name of another workflow is refused', async () => {
    const [one, other] = [await create(), await create()];
    const error = await failure(service.workflows.update({ workflow_sid: one.sid, name: other.name }));
    expect(error).toMatchObject({ code: 'CONFLICT', details: { workflow_sid: other.sid } });
    expect(await service.workflows.update({ workflow_sid: one.sid, name: one.name })).toEqual(one);
  });

  test('is announced once after its commit, with rising revisions; an update without effect is not', async () => {
    const heard: { workflow_sid: string; revision: number; deleted: boolean }[] = [];
    const following = await service.bus.follow(allChanges('workflow'), (data) => heard.push(data as never));
    const workflow = await create(named(), { description: 'one' });
    await service.workflows.update({ workflow_sid: workflow.sid, description: 'two' });
    await service.workflows.update({ workflow_sid: workflow.sid, description: 'two' });
    await service.workflows.setCurrentVersion({
      workflow_sid: workflow.sid,
      version_sid: workflow.current_version_sid,
    });
    await service.bus.flush();
    await following.stop();
    expect(heard.map(({ workflow_sid, deleted }) => ({ workflow_sid, deleted }))).toEqual(
      Array(2).fill({ workflow_sid: workflow.sid, deleted: false }),
    );
    const { revision } = await service.workflows.revisions({ after: 0, limit: 1 });
    expect(heard.map((one) => one.revision)).toEqual([revision - 1, revision]);
  });

  test('of an unknown workflow gets an error that names the method to list them', async () => {
    const error = await failure(service.workflows.update({ workflow_sid: 'nobody', name: named() }));
    expect(error).toMatchObject({ code: 'NOT_FOUND' });
    expect(error.message).toContain('workflow_list');
  });
});

describe('the list', () => {
  test('shows every workflow once, also if others are added between two pages', async () => {
    const tag = named();
    const all: string[] = [];
    for (let i = 0; i < 7; i++) all.unshift((await create(named(), { tags: [tag, 'other'] })).sid);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await service.workflows.list({ tag, limit: 3, cursor });
      seen.push(...page.items.map((workflow) => workflow.sid));
      cursor = page.next_cursor ?? undefined;
      if (seen.length === 3) await create(named(), { tags: [tag] });
    } while (cursor !== undefined);
    expect(seen).toEqual(all);
  });

  test('refuses a foreign cursor', async () => {
    const error = await failure(service.workflows.list({ limit: 3, cursor: 'x' }));
    expect(error).toMatchObject({ code: 'INVALID_PARAMS', issues: [{ path: 'cursor' }] });
  });
});

describe('revisions', () => {
  test('list each changed workflow once, in order, and nothing after the newest', async () => {
    const before = (await service.workflows.revisions({ after: 0, limit: 1 })).revision;
    const [one, two] = [await create(), await create()];
    await service.workflows.update({ workflow_sid: one.sid, description: 'again' });
    const { items, revision } = await service.workflows.revisions({ after: before, limit: 500 });
    expect(revision).toBe(before + 3);
    expect(items.map((item) => [item.revision, item.workflow_sid])).toEqual([
      [before + 2, two.sid],
      [before + 3, one.sid],
    ]);
    expect(items[1]?.workflow).toMatchObject({ sid: one.sid, description: 'again' });
    expect(await service.workflows.revisions({ after: revision, limit: 500 })).toEqual({ items: [], revision });
  });

  test('have what the search reads of the current version: the docstring of its entry and the names of its steps', async () => {
    const before = (await service.workflows.revisions({ after: 0, limit: 1 })).revision;
    const entry = {
      name: 'main',
      function: 'main',
      line: 9,
      is_async: false,
      source_sha256: 'f',
      docstring: 'Boils\0.',
    };
    const steps = ['fill', 'heat'].map((name) => ({ ...entry, name, function: name, docstring: undefined }));
    const { sid } = await create(named(), { flows: [...steps, entry] });
    const { items } = await service.workflows.revisions({ after: before, limit: 500 });
    expect(items.map(({ workflow }) => workflow)).toMatchObject([
      { sid, docstring: 'Boils\0.', steps: ['fill', 'heat'] },
    ]);
  });

  test('are committed in order: a reader that has read up to n during writes has seen everything up to n', async () => {
    const start = (await service.workflows.revisions({ after: 0, limit: 1 })).revision;
    const writers = Promise.all(Array.from({ length: 60 }, () => create()));
    const seen = new Map<string, number>();
    let after = start;
    let done = false;
    void writers.then(() => (done = true));
    while (!done || after < start + 60) {
      const { items, revision } = await service.workflows.revisions({ after, limit: 500 });
      for (const item of items) seen.set(item.workflow_sid, item.revision);
      after = revision;
    }
    expect(new Set(seen.values()).size).toBe(60);
    expect([...seen.keys()].sort()).toEqual((await writers).map(({ sid }) => sid).sort());
  });
});
