/**
 * The sources of a nats-server. The first one that gives a working program wins. Quick sources come first, and a source that
 * needs a network gives up within seconds if there is none.
 */
import { createHash } from 'node:crypto';
import { access, chmod, constants, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathFolders, type Ran, run } from './run.js';

export interface NatsSource {
  readonly name: string;
  /** the path of a program, or an Error (returned or thrown) that says why there is none */
  find(cache: string, log: (line: string) => void): Promise<string>;
}

interface Release {
  readonly base: string;
  readonly version: string;
  readonly platform: string;
  readonly sha256: Readonly<Record<string, string>>;
  /** ms until the first answer */
  readonly patience?: number;
}

/** The checksums are those of the release's SHA256SUMS. */
const pinned: Release = {
  base: 'https://github.com/nats-io/nats-server/releases/download',
  version: '2.12.15',
  platform: `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`,
  sha256: {
    'linux-amd64': '58ab8131f819263897e2fc38e503e1b755b63bcafeecc7d12582487df48ca15e',
    'linux-arm64': 'b724db99fefbf8f5c808baa82819ee50350aee9734017e4a478f7e545cef3ab6',
  },
};

/** The newest nats-server each Go can build without fetching another Go. */
const buildable: readonly (readonly [minor: number, version: string])[] = [
  [24, 'v2.12.15'],
  [23, 'v2.11.0'],
  [21, 'v2.10.20'],
  [20, 'v2.10.7'],
  [19, 'v2.9.25'],
];

const programs = (cache: string) => join(cache, 'nats-server');

const allows = async (path: string, mode: number) =>
  await access(path, mode).then(
    () => true,
    () => false,
  );
const isFile = async (path: string) => await allows(path, constants.X_OK);

function must(ran: Ran, doing: string): Ran {
  if (!ran.ok) throw new Error(`${doing}: ${ran.why}`);
  return ran;
}

export async function natsVersion(program: string): Promise<string | undefined> {
  return /v(\d+\.\d+\.\d+\S*)/.exec((await run(program, ['--version'])).stdout)?.[1];
}

/** Older versions lack parts of JetStream that we use, and ignore their settings silently. */
function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 9);
}

/** Works in a temporary folder, then moves the program into the cache atomically, named by its version. */
async function intoCache(cache: string, work: (folder: string) => Promise<string>): Promise<string> {
  await mkdir(programs(cache), { recursive: true });
  const draft = await mkdtemp(join(programs(cache), '.making-'));
  try {
    const made = await work(draft);
    await chmod(made, 0o755);
    const version = await natsVersion(made);
    if (version === undefined) throw new Error('the program that was fetched does not run on this machine');
    if (!isRecent(version))
      throw new Error(`the program that was fetched has version ${version}; 2.9 or newer is needed`);
    const target = join(programs(cache), `nats-server-${version}`);
    await copyFile(made, join(draft, 'finished'));
    await rename(join(draft, 'finished'), target);
    return target;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

export const onPath: NatsSource = {
  name: 'PATH',
  async find() {
    const seen: string[] = [];
    for (const folder of [...pathFolders(), '/usr/local/bin', '/usr/sbin']) {
      const program = join(folder, 'nats-server');
      const version = (await isFile(program)) ? await natsVersion(program) : undefined;
      if (version && isRecent(version)) return program;
      if (version) seen.push(`${program} is ${version}, needed is 2.9 or newer`);
    }
    throw new Error(seen[0] ?? 'no nats-server in PATH, /usr/local/bin or /usr/sbin');
  },
};

export const inCache: NatsSource = {
  name: 'cache',
  async find(cache) {
    const names = (await readdir(programs(cache)).catch(() => [])).filter((name) => name.startsWith('nats-server-'));
    names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
    for (const name of names) {
      const program = join(programs(cache), name);
      const version = await natsVersion(program);
      if (version && isRecent(version)) return program;
    }
    throw new Error(`no program in ${programs(cache)}`);
  },
};

/** Downloads a release's archive and discards it unless its checksum is the pinned one. */
export function downloadedRelease({ base, version, platform, sha256, patience = 5000 }: Release): NatsSource {
  return {
    name: 'official release',
    async find(cache, log) {
      const expected = sha256[platform];
      if (!expected) throw new Error(`no checksum is pinned for ${platform}`);
      const name = `nats-server-v${version}-${platform}`;
      const url = `${base}/v${version}/${name}.tar.gz`;
      log(`downloading nats-server ${version}`);
      const archive = await download(url, patience);
      const got = createHash('sha256').update(archive).digest('hex');
      if (got !== expected)
        throw new Error(`the SHA-256 of ${url} is ${got}, expected ${expected}; the file was discarded`);
      return await intoCache(cache, async (folder) => {
        await writeFile(join(folder, 'archive.tar.gz'), archive);
        must(await run('tar', ['-xzf', join(folder, 'archive.tar.gz'), '-C', folder]), 'tar');
        return join(folder, name, 'nats-server');
      });
    },
  };
}

async function download(url: string, patience: number): Promise<Buffer> {
  const cancel = new AbortController();
  const giveUp = (ms: number, why: string) => setTimeout(() => cancel.abort(new Error(why)), ms);
  const timers = [
    giveUp(patience, `no answer within ${patience / 1000} s`),
    giveUp(120_000, 'not finished within 120 s'),
  ];
  try {
    const response = await fetch(url, { signal: cancel.signal });
    clearTimeout(timers[0]);
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    const { cause, message } = error as Error;
    throw new Error(cause instanceof Error ? `${message} (${cause.message})` : message, { cause: error });
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

export const officialRelease = downloadedRelease(pinned);

export const debianPackage: NatsSource = {
  name: "the distribution's package",
  async find(cache, log) {
    return await intoCache(cache, async (folder) => {
      log("fetching the distribution's package nats-server");
      const quick = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=10', '-o', 'Acquire::https::Timeout=10'];
      const download = async (extra: string[]) =>
        await run('apt-get', ['-q', ...quick, ...extra, 'download', 'nats-server'], { cwd: folder, within: 120_000 });
      let ran = await download(['-o', 'APT::Sandbox::User=root']);
      if (!ran.ok && !/ENOENT/.test(ran.why)) {
        // The system's package lists are missing or stale: private lists need no root and change nothing in the system.
        log('fetching package lists');
        const lists = join(folder, 'lists');
        await mkdir(join(lists, 'partial'), { recursive: true });
        await mkdir(join(folder, 'archives', 'partial'), { recursive: true });
        const own = ['-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${folder}`, '-o', 'APT::Sandbox::User='];
        must(
          await run('apt-get', ['-q', ...quick, ...own, 'update'], { cwd: folder, within: 120_000 }),
          'apt-get update',
        );
        ran = await download(own);
      }
      must(ran, 'apt-get download nats-server');
      const file = (await readdir(folder)).find((name) => name.endsWith('.deb'));
      if (!file) throw new Error('apt-get download left no package');
      must(await run('dpkg-deb', ['-x', join(folder, file), join(folder, 'unpacked')]), 'dpkg-deb -x');
      for (const bin of ['usr/sbin', 'usr/bin']) {
        const program = join(folder, 'unpacked', bin, 'nats-server');
        if (await isFile(program)) return program;
      }
      throw new Error('the package holds no nats-server');
    });
  },
};

export const goInstall: NatsSource = {
  name: 'go install',
  async find(cache, log) {
    const minor = Number(/go1\.(\d+)/.exec(must(await run('go', ['version']), 'go').stdout)?.[1]);
    const version = buildable.find(([least]) => minor >= least)?.[1];
    if (!version) throw new Error(`Go 1.${minor} is too old`);
    return await intoCache(cache, async (folder) => {
      log(`building nats-server ${version} with Go 1.${minor} (a minute or two)`);
      const home = process.env.HOME ?? '';
      const homely = home !== '' && (await allows(home, constants.W_OK));
      // Without HOME, Go needs folders for modules and builds; -modcacherw makes them removable.
      const goEnv = homely ? {} : { HOME: folder, GOPATH: join(folder, 'go'), GOCACHE: join(folder, 'build') };
      const env = {
        ...process.env,
        ...goEnv,
        GOBIN: folder,
        GOFLAGS: '-modcacherw',
        GOTOOLCHAIN: 'local',
        CGO_ENABLED: '0',
      };
      const args = ['install', '-trimpath', '-ldflags=-s -w', `github.com/nats-io/nats-server/v2@${version}`];
      must(await run('go', args, { cwd: folder, env, within: 600_000 }), 'go install');
      return join(folder, 'nats-server');
    });
  },
};

export const natsSources: readonly NatsSource[] = [onPath, inCache, officialRelease, debianPackage, goInstall];
