/**
 * Installs the peers, at these versions and no others, into a cache folder: they are no dependencies of this project. Install scripts do
 * not run. Their licences allow to use and measure them: SDKs and DBOS are MIT; the Restate server is under the Business Source License.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const LIMIT = 600_000;
const PROGRAMS = resolve(import.meta.dirname, '../../peers');
const CACHE = process.env.HERO_HOME
  ? join(process.env.HERO_CACHE ?? join(process.env.HERO_HOME, 'cache'), 'bench-peers')
  : resolve(import.meta.dirname, '../../../node_modules/.cache/hero-bench-peers');

export const VERSIONS = {
  restate: {
    '@restatedev/restate-server': '1.7.12',
    '@restatedev/restate-sdk': '1.17.2',
    '@restatedev/restate-sdk-clients': '1.17.2',
  },
  dbos: { '@dbos-inc/dbos-sdk': '5.3.0' },
  'dbos-python': { dbos: '3.4.0' },
} as const;

export type PeerId = keyof typeof VERSIONS;

/** The folder of one peer, with its packages and a fresh copy of its programs. */
export async function install(peer: PeerId): Promise<string> {
  const folder = join(CACHE, peer);
  const wanted = JSON.stringify(VERSIONS[peer]);
  const stamp = join(folder, 'installed.json');
  if ((await readFile(stamp, 'utf8').catch(() => '')) !== wanted) {
    process.stderr.write(`installs ${wanted} in ${folder} …\n`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await (peer === 'dbos-python' ? fromPip(folder) : fromNpm(folder, VERSIONS[peer]));
    await writeFile(stamp, wanted);
  }
  await cp(join(PROGRAMS, peer), join(folder, peer), { recursive: true });
  await cp(join(PROGRAMS, 'serve.mjs'), join(folder, 'serve.mjs'));
  return folder;
}

async function fromNpm(folder: string, dependencies: Readonly<Record<string, string>>): Promise<void> {
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-workspaces', '--loglevel=error'];
  await run('npm', ['install', ...quiet], { cwd: folder, timeout: LIMIT });
}

async function fromPip(folder: string): Promise<void> {
  await run(process.env.HERO_PYTHON ?? 'python3', ['-m', 'venv', join(folder, 'venv')], { timeout: LIMIT });
  const packages = Object.entries(VERSIONS['dbos-python']).map(([name, version]) => `${name}==${version}`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages];
  await run(join(folder, 'venv/bin/python'), pip, { cwd: folder, timeout: LIMIT });
}
