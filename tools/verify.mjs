/**
 * `npm run verify`: all checks that a change must pass, quick ones first.
 * `npm run verify -- types jest` runs only the steps named. The last line counts: `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonEnv } from './python-env.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const scratch = mkdtempSync(join(tmpdir(), 'hero-verify-'));
const bin = (name) => join(root, 'node_modules', '.bin', name);
const jestReport = join(scratch, 'jest.json');
const pytestReport = join(scratch, 'pytest.xml');

let current;
const run = (command, args, env = {}) =>
  new Promise((done) => {
    current = spawn(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
    current.on('error', (error) => {
      console.error(`${command}: ${error.message}`);
      done(1);
    });
    current.on('exit', (code) => done(code ?? 1));
  });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => current?.kill(signal));

/** Each step answers {passed, failed}; one that is not a test run counts as one. */
const plain = async (command, args, env) =>
  (await run(command, args, env)) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };

async function jest() {
  const code = await run('node', [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'),
    '--json',
    `--outputFile=${jestReport}`,
    ...(process.env.CI ? ['--ci', '--verbose=false'] : []),
  ]);
  const report = JSON.parse(readFileSync(jestReport, 'utf8'));
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  return { passed: report.numPassedTests, failed: code === 0 ? failed : Math.max(failed, 1) };
}

async function pytest() {
  const code = await run(pythonEnv(root), [
    '-m',
    'pytest',
    '-q',
    `--junitxml=${pytestReport}`,
    '-c',
    'sdk-python/pyproject.toml',
    '--rootdir=.',
    'sdk-python',
    'flows',
  ]);
  const [, errors, failures, skipped, tests] =
    /errors="(\d+)" failures="(\d+)" skipped="(\d+)" tests="(\d+)"/.exec(readFileSync(pytestReport, 'utf8')) ?? [];
  const failed = Number(errors ?? 0) + Number(failures ?? 0);
  return {
    passed: Number(tests ?? 0) - failed - Number(skipped ?? 0),
    failed: code === 0 ? failed : Math.max(failed, 1),
  };
}

const python = (module, ...args) => plain(pythonEnv(root), ['-m', module, ...args]);
const PYTHON = ['sdk-python', 'flows', 'examples', 'bench/peers', 'tools', 'apps/executor'];
/** Generated, so only their types are checked. */
const CLIENTS = ['libs/openrpc/generated/hero_logic_client.py', 'libs/openrpc/test/generated/shop_client.py'];
const settings = 'sdk-python/pyproject.toml';

async function wheel() {
  const result = await plain(pythonEnv(root), [
    '-m',
    'pip',
    'wheel',
    '--quiet',
    '--no-deps',
    '--disable-pip-version-check',
    '-w',
    scratch,
    './sdk-python',
  ]);
  if (result.failed === 0) console.log(readdirSync(scratch).find((name) => name.endsWith('.whl')));
  return result;
}

const STEPS = {
  build: () => plain(bin('tsc'), ['-b']),
  format: () => plain(bin('biome'), ['ci', '--colors=off', '.']),
  lint: () => plain(bin('oxlint'), ['--deny-warnings']),
  unused: () => plain(bin('knip'), ['--no-progress']),
  boundaries: () => plain('npm', ['run', '--silent', 'boundaries']),
  types: () => plain(bin('tsc'), ['-p', 'tsconfig.test.json']),
  generated: () => plain('node', ['tools/generate.mjs', '--check']),
  'python-format': () => python('ruff', 'format', '--quiet', '--check', '--diff', ...PYTHON),
  'python-lint': () => python('ruff', 'check', '--quiet', ...PYTHON),
  'python-types': () =>
    python(
      'mypy',
      '--config-file',
      settings,
      '--cache-dir',
      join(root, 'node_modules/.cache/mypy'),
      'sdk-python/src',
      ...CLIENTS,
    ),
  wheel,
  pytest,
  jest,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in STEPS));
if (unknown.length) {
  console.error(`no such step: ${unknown.join(', ')}. Steps: ${Object.keys(STEPS).join(', ')}`);
  process.exit(2);
}
const rows = [];
for (const [name, step] of Object.entries(STEPS)) {
  if (asked.length && !asked.includes(name)) continue;
  console.log(`\n── ${name} ${'─'.repeat(70 - name.length)}`);
  const started = Date.now();
  const result = await step().catch((error) => {
    console.error(error.message);
    return { passed: 0, failed: 1 };
  });
  rows.push({ name, ...result, seconds: (Date.now() - started) / 1000 });
  if (name === 'build' && result.failed) break;
}
rmSync(scratch, { recursive: true, force: true });

console.log('');
for (const { name, passed, failed, seconds } of rows) {
  console.log(
    `${failed ? '✗' : '✓'} ${name.padEnd(14)} ${String(passed).padStart(5)} passed ${String(failed).padStart(3)} failed  ${seconds.toFixed(1).padStart(7)} s`,
  );
}
const total = (key) => rows.reduce((sum, row) => sum + row[key], 0);
console.log(`\n${total('passed')} passed, ${total('failed')} failed`);
process.exit(total('failed') ? 1 : 0);
