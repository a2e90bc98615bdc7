/** The locks of versions: recorded once, shared for a while, shown on the version; and the time of a play that waits for its packages. */
import {
  type LockedPackage,
  locksNeeded,
  playPrepare,
  playStart,
  playWait,
  versionInstallRecord,
  versionLock,
  versionLockRecord,
  workflowCreate,
  workflowCreateVersion,
  workflowDelete,
  workflowVersionFetch,
} from '@hero/contracts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EXITED, fenceOf, PlayService } from './play-service.js';
import { source } from './workflow-service.js';

let registry: PlayService;
beforeAll(async () => {
  registry = await PlayService.start();
});
afterAll(async () => registry[Symbol.asyncDispose]());

const target = 'cpython-3.11-linux-x86_64';
const release = (name: string, version: string): LockedPackage => ({
  name,
  version,
  hashes: [`sha256:${'0'.repeat(60)}${version.replaceAll('.', '').padStart(4, '0')}`],
});

async function versionThatRequires(name: string, requirements: string[]) {
  const workflow = await registry.bus.ask(workflowCreate, { name, python_source: source({ requirements }) });
  return { workflow_sid: workflow.sid, version_sid: workflow.current_version_sid };
}
const lock = (version_sid: string) => registry.bus.ask(versionLock, { version_sid, target });
const record = (version_sid: string, packages: LockedPackage[]) =>
  registry.bus.ask(versionLockRecord, { version_sid, target, packages });
const needed = async () => (await registry.bus.ask(locksNeeded, {})).ids;

test('of two executors that resolved the same version, both install what was recorded first', async () => {
  const { version_sid } = await versionThatRequires('first wins', ['a']);
  expect(await lock(version_sid)).toEqual({ lock: null, failed: false });
  const answers = await Promise.all(['1.0', '2.0'].map((version) => record(version_sid, [release('a', version)])));
  expect(answers[0]).toEqual(answers[1]);
  expect(await lock(version_sid)).toEqual({ ...answers[0], failed: false });
  const { packages } = await registry.bus.ask(workflowVersionFetch, { version_sid });
  const [only] = answers[0]?.lock.packages ?? [];
  expect(packages).toMatchObject([{ target, resolved: [`a==${only?.version}`], error: null }]);
});

test('a version with the same set of requirements takes a lock that was resolved not long ago and could be installed', async () => {
  const old = await versionThatRequires('shares', ['c', 'b>=1']);
  const first = await record(old.version_sid, [release('c', '1.0'), release('b', '1.1')]);
  expect(first.lock.packages.map(({ name }) => name)).toEqual(['b', 'c']);
  const same = await versionThatRequires('has the same', ['b>=1', 'c']);
  expect(await lock(same.version_sid)).toEqual({ ...first, failed: false });
  const other = await versionThatRequires('has others', ['b>=1', 'c', 'd']);
  expect(await lock(other.version_sid)).toEqual({ lock: null, failed: false });
  const elsewhere = await registry.bus.ask(versionLock, {
    version_sid: same.version_sid,
    target: 'cpython-3.12-linux',
  });
  expect(elsewhere).toEqual({ lock: null, failed: false });

  await registry.db.query(`UPDATE version_packages SET resolved_at = resolved_at - interval '8 days'`);
  const late = await versionThatRequires('comes later', ['b>=1', 'c']);
  expect(await lock(late.version_sid)).toEqual({ lock: null, failed: false });
  const fresh = await record(late.version_sid, [release('b', '1.2'), release('c', '1.0')]);
  const broken = { version_sid: late.version_sid, target, error: 'Could not install b.' };
  await registry.bus.ask(versionInstallRecord, broken);
  const afterError = await versionThatRequires('comes after an error', ['b>=1', 'c']);
  expect(await lock(afterError.version_sid)).toEqual({ lock: null, failed: false });
  expect(await lock(late.version_sid)).toEqual({ ...fresh, failed: true });
});

test('why packages could not be installed stands on the version until they are', async () => {
  const { version_sid } = await versionThatRequires('has an error', ['e']);
  await registry.bus.ask(versionInstallRecord, { version_sid, target, error: 'Could not install e.' });
  const fetch = async () => (await registry.bus.ask(workflowVersionFetch, { version_sid })).packages;
  expect(await fetch()).toEqual([{ target, resolved: null, resolved_at: null, error: 'Could not install e.' }]);
  expect(await lock(version_sid)).toEqual({ lock: null, failed: true });
  await record(version_sid, [release('e', '1.0')]);
  await registry.bus.ask(versionInstallRecord, { version_sid, target, error: null });
  expect(await fetch()).toMatchObject([{ resolved: ['e==1.0'], error: null }]);
});

test('a lock is needed while its version is current or has a play that is not final', async () => {
  const { workflow_sid, version_sid } = await versionThatRequires('moves on', ['f']);
  const { id } = (await record(version_sid, [release('f', '1.0')])).lock;
  expect(await needed()).toContain(id);
  const play = await registry.bus.ask(playStart, { workflow_sid });
  const python_source = source({ requirements: [] });
  await registry.bus.ask(workflowCreateVersion, { workflow_sid, python_source, notes: '', set_current: true });
  expect(await needed()).toContain(id);
  await registry.exit(await registry.claimed(play.sid), {
    ...EXITED,
    kind: 'packages',
    message: 'Could not install f.',
  });
  const { error } = await registry.bus.ask(playWait, { play_sid: play.sid });
  expect(error).toMatchObject({ type: 'PackagesNotInstalled', message: 'Could not install f.' });
  expect(await needed()).not.toContain(id);
  await registry.bus.ask(workflowDelete, { workflow_sid, force: true });
  expect((await registry.db.query('SELECT 1 FROM version_packages WHERE lock_id = $1', [id])).rows).toEqual([]);
});

test('a claimed play knows its requirements, and its time limit stands still while they are installed', async () => {
  const { workflow_sid } = await versionThatRequires('waits', ['g']);
  const { sid } = await registry.bus.ask(playStart, { workflow_sid, timeout_ms: 60_000 });
  const claim = await registry.claimed(sid);
  expect(claim.requirements).toEqual(['g']);
  const prepare = (preparing: boolean) => registry.bus.ask(playPrepare, { ...fenceOf(claim), preparing });
  const state = async () =>
    (await registry.db.query('SELECT deadline_at, running_since, ran_ms FROM plays WHERE sid = $1', [sid])).rows[0];
  const stopped = await prepare(true);
  const before = await state();
  expect(before).toMatchObject({ deadline_at: null, running_since: null });
  expect([await prepare(true), await state()]).toEqual([stopped, before]);
  const { held, remaining_ms } = await prepare(false);
  expect(held).toBe(true);
  expect(remaining_ms).toBeCloseTo(60_000 - before.ran_ms, 0);
  expect((await state()).deadline_at).not.toBeNull();
  const stranger = { ...fenceOf(claim), owner: 'somebody else' };
  expect(await registry.bus.ask(playPrepare, { ...stranger, preparing: true })).toEqual({
    held: false,
    remaining_ms: null,
  });
});
