import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '@hero/testing';
import type { FakePlay } from './fake-registry.js';
import { openPackageIndex, type PackageIndex } from './package-index.js';
import { type ExecutorProcess, openExecutors, type TestExecutors } from './test-executors.js';

let setup: TestExecutors;
let index: PackageIndex;
let executor: ExecutorProcess;

const WITHIN = 25_000;
const start = (env: Record<string, string> = {}) =>
  setup.executor({
    HERO_SLOTS: '1',
    HERO_INSTALLER: 'pip',
    PIP_INDEX_URL: index.url,
    PIP_CONFIG_FILE: '/dev/null',
    PIP_RETRIES: '0',
    ...env,
  });

beforeAll(async () => {
  [setup, index] = await Promise.all([openExecutors(), openPackageIndex()]);
  index.offer({ name: 'alpha', version: '1.0', requires: ['beta>=1'] });
  index.offer({ name: 'beta', version: '1.0' });
  executor = await start({ HERO_PRELOAD: 'warm' });
});
afterAll(async () => {
  await setup[Symbol.asyncDispose]();
  await index[Symbol.asyncDispose]();
});

const environments = () => join(setup.home, 'cache', 'environments');
const folderOf = (version: string) => join(environments(), setup.registry.locks.locks.get(version)?.id ?? 'none');
const spansOf = (play: FakePlay) => play.events.filter(({ type }) => type === 'span_started').map(({ name }) => name);
const run = (version: string, requirements: string[], body: string) =>
  setup.registry.start(`@flow\ndef main():\n    ${body.replaceAll('\n', '\n    ')}\n`, { version, requirements });

async function succeeds(version: string, requirements: string[], body: string): Promise<FakePlay> {
  const play = await run(version, requirements, body);
  await setup.registry.is(play, 'success', WITHIN);
  return play;
}

const VERSIONS = 'import alpha, beta\nreturn [alpha.version, beta.version]';

test('packages are resolved and installed for the first play, which shows it as a span; the next one starts at once', async () => {
  const first = await succeeds('v1', ['alpha'], VERSIONS);
  expect(first.output).toEqual(['1.0', '1.0']);
  await until(async () => first.events.some(({ type, name }) => type === 'span_started' && name === 'main'));
  expect(spansOf(first)).toEqual(['packages', 'main']);
  const lines = setup.registry.texts(first);
  expect(lines[0]).toMatch(/^resolving alpha for cpython-3/);
  expect(lines).toContain('installing 2 packages: alpha 1.0, beta 1.0');
  expect(lines.some((line) => line.includes('Collecting beta'))).toBe(true);
  expect(setup.registry.locks.prepared).toEqual([true, false]);

  const fetched = index.fetched.length;
  const second = await succeeds('v1', ['alpha'], VERSIONS);
  await until(async () => spansOf(second).length > 0);
  expect([second.output, spansOf(second), index.fetched.length]).toEqual([['1.0', '1.0'], ['main'], fetched]);
  expect(setup.registry.locks.recorded).toBe(1);
});

test('versions that share a lock share its fork server, also when they ask for it at the same moment', async () => {
  const { locks } = setup.registry.locks;
  const lock = locks.get('v1') ?? { id: '', packages: [] };
  for (const version of ['v2', 'v3']) locks.set(version, lock);
  const before = executor.forkServers();
  const plays = [await run('v2', ['alpha'], VERSIONS), await run('v3', ['alpha'], VERSIONS)];
  for (const play of plays) await setup.registry.is(play, 'success', WITHIN);
  expect([before.length, executor.forkServers()]).toEqual([2, before]);
});

test('a process that the play starts has the packages too; a play without them does not', async () => {
  const script = 'import alpha; print(alpha.version)';
  const body = `import subprocess\nreturn subprocess.check_output([sys.executable, "-c", "${script}"], text=True)`;
  expect((await succeeds('v1', ['alpha'], body)).output).toBe('1.0\n');
  const without = await succeeds('bare', [], 'import importlib.util\nreturn importlib.util.find_spec("alpha") is None');
  expect(without.output).toBe(true);
});

test('a play cannot change the packages that others use', async () => {
  const body = `
import alpha
folder = os.path.dirname(alpha.__file__)
refused = []
for name in ("own.pth", "sitecustomize.py", "alpha.py", "__pycache__/alpha.pyc", "new/folder"):
    path = os.path.join(folder, name)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").close()
    except OSError:
        refused.append(name)
for change in (lambda: os.unlink(alpha.__file__), lambda: os.rename(folder, folder + "2"), lambda: os.chmod(folder, 0o777)):
    try:
        change()
    except OSError:
        refused.append("change")
return refused`;
  const play = await succeeds('v1', ['alpha'], body.trim());
  const names = ['own.pth', 'sitecustomize.py', 'alpha.py', '__pycache__/alpha.pyc', 'new/folder'];
  expect(play.output).toEqual([...names, 'change', 'change', 'change']);
});

test('nothing of a package runs in the fork server, except a module that HERO_PRELOAD names', async () => {
  const canary = join(setup.home, 'canary');
  const touch = `open(${JSON.stringify(canary)}, "w")`;
  const files = {
    'warm.py': 'import os\npid = os.getpid()\n',
    'evil.pth': `import os; ${touch}\n`,
    'sitecustomize.py': touch,
  };
  index.offer({ name: 'warm', version: '1.0', files });
  const play = await succeeds(
    'warm',
    ['warm'],
    'early = "warm" in sys.modules\nimport warm\nreturn [early, warm.pid == os.getpid()]',
  );
  expect(play.output).toEqual([true, false]);
  expect(existsSync(canary)).toBe(false);
  expect(executor.log.join('')).toContain('imported only for plays whose packages include them');
});

test('a package that does not exist fails the play and is named on the version, with the installer’s last lines', async () => {
  const play = await run('missing', ['beta', 'no-such-package>=2'], 'pass');
  await setup.registry.is(play, 'failed', WITHIN);
  const [cause] = play.exits;
  expect(cause?.kind).toBe('packages');
  expect(cause?.message).toMatch(/^Could not install no-such-package>=2: pip exited with 1\. Its last lines:\n/);
  expect(cause?.message).toContain('ERROR: No matching distribution found for no-such-package>=2');
  expect(setup.registry.locks.errors.get('missing')).toBe(cause?.message);
  await until(async () => play.events.some(({ type, status }) => type === 'span_ended' && status === 'failed'));
});

test('the error of an installation leaves the version when its packages are installed, and not before', async () => {
  const { locks } = setup.registry;
  await setup.registry.is(await run('late', ['theta'], 'import theta'), 'failed', WITHIN);
  expect(locks.errors.get('late')).toMatch(/theta/);
  index.offer({ name: 'theta', version: '1.0' });
  await succeeds('late', ['theta'], 'import theta');
  await until(async () => !locks.errors.has('late'));
  // One that an earlier executor left, on a version that is new to this one.
  locks.locks.set('left', locks.locks.get('late') ?? { id: '', packages: [] });
  locks.errors.set('left', 'Could not install theta.');
  await succeeds('left', ['theta'], 'import theta');
  await until(async () => !locks.errors.has('left'));
  const told = locks.installs.filter(([version]) => version !== 'missing');
  expect(told).toEqual([
    ['late', false],
    ['late', true],
    ['left', true],
  ]);
});

test('a package without a wheel is refused: building it would run its code outside the sandbox', async () => {
  index.offer({ name: 'sourceonly', version: '1.0', source: true });
  const play = await run('source', ['sourceonly'], 'pass');
  await setup.registry.is(play, 'failed', WITHIN);
  expect(play.exits[0]?.message).toMatch(/^Could not install sourceonly: [^]*Only wheels are installed/);
});

test('the lock wins over newer releases, and a file that is not the recorded one is refused', async () => {
  index.offer({ name: 'alpha', version: '2.0', requires: ['beta>=1'] });
  setup.registry.locks.locks.set('again', setup.registry.locks.locks.get('v1') ?? { id: '', packages: [] });
  const other = await start();
  executor.child.kill('SIGTERM');
  await executor.exited;
  await rm(folderOf('v1'), { recursive: true });
  expect((await succeeds('again', ['alpha'], VERSIONS)).output).toEqual(['1.0', '1.0']);

  index.offer({ name: 'gamma', version: '1.0' });
  await succeeds('gamma', ['gamma'], 'import gamma');
  other.child.kill('SIGKILL');
  await other.exited;
  await rm(folderOf('gamma'), { recursive: true });
  index.offer({ name: 'gamma', version: '1.0', files: { 'gamma.py': 'raise SystemExit("another file")\n' } });
  executor = await start();
  const play = await run('gamma', ['gamma'], 'import gamma');
  await setup.registry.is(play, 'failed', WITHIN);
  expect(play.exits[0]?.message).toMatch(/^Could not install gamma==1\.0: [^]*(HASH|hash)/);
});

test('two executors that are asked at the same moment install it once; meanwhile the only slot runs other plays', async () => {
  index.offer({ name: 'delta', version: '1.0' });
  await succeeds('delta', ['delta'], 'import delta');
  executor.child.kill('SIGKILL');
  await executor.exited;
  await rm(folderOf('delta'), { recursive: true });
  const [a, b] = [await start(), await start()];
  const fetched = index.fetched.length;
  const plays: FakePlay[] = [];
  {
    using _held = index.hold();
    plays.push(await run('delta', ['delta'], 'import delta'), await run('delta', ['delta'], 'import delta'));
    await until(async () => index.fetched.length > fetched, { within: WITHIN });
    const waits = (play: FakePlay) =>
      setup.registry.texts(play).some((line) => line.includes('another executor installs'));
    await until(async () => plays.some(waits), { within: WITHIN });
    await succeeds('bare', [], 'return 1');
  }
  for (const play of plays) await setup.registry.is(play, 'success', WITHIN);
  expect(index.fetched.slice(fetched)).toEqual(['delta-1.0-py3-none-any.whl']);
  const installed = [a, b].filter(({ log }) => log.join('').includes('packages were installed'));
  expect(installed).toHaveLength(1);
  a.child.kill('SIGKILL');
  await a.exited;
  executor = b;
});

test('an installation that kill -9 cuts is never used, and is made again', async () => {
  index.offer({ name: 'epsilon', version: '1.0' });
  await succeeds('epsilon', ['epsilon'], 'import epsilon');
  executor.child.kill('SIGKILL');
  await executor.exited;
  await rm(folderOf('epsilon'), { recursive: true });
  executor = await start();
  const fetched = index.fetched.length;
  const held = index.hold();
  const play = await run('epsilon', ['epsilon'], 'import epsilon\nreturn epsilon.version');
  await until(async () => index.fetched.length > fetched, { within: WITHIN });
  const drafts = () => readdirSync(environments()).filter((name) => name.startsWith('.'));
  const [draft] = drafts();
  executor.child.kill('SIGKILL');
  await executor.exited;
  held[Symbol.dispose]();
  expect([existsSync(folderOf('epsilon')), draft !== undefined]).toEqual([false, true]);
  executor = await start();
  await setup.registry.wake(play);
  await setup.registry.is(play, 'success', WITHIN);
  expect([play.output, existsSync(folderOf('epsilon')), drafts()]).toEqual(['1.0', true, []]);
});

test('what nothing needs any more is removed, and installed again from its lock for a play that comes later', async () => {
  for (const name of ['zeta', 'eta']) {
    index.offer({ name, version: '1.0' });
    await succeeds(name, [name], `import ${name}`);
  }
  executor.child.kill('SIGKILL');
  await executor.exited;
  const { locks } = setup.registry;
  locks.needed = [locks.locks.get('zeta')?.id ?? ''];
  executor = await start({ HERO_PACKAGES_KEEP_MS: '0' });
  await until(async () => readdirSync(environments()).every((name) => name.startsWith(locks.needed[0] ?? '-')), {
    within: WITHIN,
  });
  expect(existsSync(folderOf('zeta'))).toBe(true);
  const play = await succeeds('eta', ['eta'], 'import eta\nreturn eta.version');
  expect(play.output).toBe('1.0');
  await until(async () => !existsSync(folderOf('eta')), { within: WITHIN });
});
