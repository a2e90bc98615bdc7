import { HeroError, type Workflow } from '@hero/contracts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Versions } from '../src/workflows/versions.js';
import { source, type WorkflowService, workflowService } from './workflow-service.js';

let service: WorkflowService;
let workflow: Workflow;
beforeAll(async () => {
  service = await workflowService();
  const inputs = [{ name: 'topic', field_type: 'string' as const, required: true }];
  const python_source = source({ inputs, options: { sandbox: 'strict' } });
  workflow = await service.workflows.create({ name: 'pinned', python_source });
});
afterAll(async () => service[Symbol.asyncDispose]());

const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'it did not fail',
    (error: HeroError) => error.code,
  );
const newVersion = (body: string, set_current = true) =>
  service.workflows.createVersion({
    workflow_sid: workflow.sid,
    python_source: source({}, body),
    notes: '',
    set_current,
  });

describe('a new play', () => {
  test('runs the current version, found by sid or by name', async () => {
    const pinned = await service.versions.pin({ workflow_sid: workflow.sid });
    expect(pinned).toMatchObject({
      workflow_sid: workflow.sid,
      workflow_name: 'pinned',
      version_sid: workflow.current_version_sid,
      version_number: 1,
      entry: 'main',
      options: { sandbox: 'strict' },
    });
    expect(pinned.inputs.map(({ name }) => name)).toEqual(['topic']);
    expect(await service.versions.pin({ workflow_name: 'pinned' })).toEqual(pinned);
  });

  test('runs the newest current version from the moment it is saved, or the one that it names', async () => {
    const second = await newVersion('two');
    expect(await service.versions.pin({ workflow_sid: workflow.sid })).toMatchObject({ version_number: 2 });
    const named = { workflow_sid: workflow.sid, version_sid: workflow.current_version_sid };
    expect(await service.versions.pin(named)).toMatchObject({ version_number: 1 });
    await newVersion('three', false);
    expect(await service.versions.pin({ workflow_sid: workflow.sid })).toMatchObject({ version_sid: second.sid });
  });

  test('sees the name of its workflow as it is now', async () => {
    await service.workflows.update({ workflow_sid: workflow.sid, name: 'renamed' });
    expect(await service.versions.pin({ workflow_name: 'renamed' })).toMatchObject({ workflow_name: 'renamed' });
    expect(await codeOf(service.versions.pin({ workflow_name: 'pinned' }))).toBe('NOT_FOUND');
  });

  test('of an unknown workflow or version is refused', async () => {
    const other = await service.workflows.create({ name: 'other', python_source: source() });
    const mixed = { workflow_sid: workflow.sid, version_sid: other.current_version_sid };
    for (const ask of [mixed, { workflow_sid: 'nobody' }, { workflow_name: 'nobody' }]) {
      expect(await codeOf(service.versions.pin(ask))).toBe('NOT_FOUND');
    }
    expect(await codeOf(service.versions.get('nothing'))).toBe('NOT_FOUND');
  });
});

describe('a version that was read', () => {
  test('is cached: concurrent and later readers get the same object', async () => {
    const versions = new Versions(service.store);
    const sid = workflow.current_version_sid;
    const all = await Promise.all(Array.from({ length: 50 }, () => versions.get(sid)));
    expect(new Set(all).size).toBe(1);
    expect(await versions.get(sid)).toBe(all[0]);
  });

  test('is evicted when the cache is full and others were used more recently', async () => {
    const versions = new Versions(service.store, 3 * 2 * 1024 * 1024);
    const large = async (letter: string) => (await newVersion(`"${letter.repeat(1024 * 1024)}"`)).sid;
    const [a, b, c] = [await large('a'), await large('b'), await large('c')];
    const [firstA, firstB] = [await versions.get(a), await versions.get(b)];
    expect(await versions.get(a)).toBe(firstA);
    await versions.get(c);
    expect(await versions.get(a)).toBe(firstA);
    const secondB = await versions.get(b);
    expect(secondB).not.toBe(firstB);
    expect(secondB).toEqual(firstB);
  });
});
