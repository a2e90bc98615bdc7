/**
 * The folders of the embedded servers.
 *
 * F1 A server reads and writes only in the state folder, which its account can reach wherever HERO_HOME
 *    and the checkout are: `$HERO_HOME/var/embedded`, but for root `/var/lib/hero-logic/<hash of HERO_HOME>`.
 * F2 `$HERO_HOME/embedded.json` (0600) has the passwords and the identity of the state. A HERO_HOME that was emptied gets a new
 *    identity, so the earlier content of root's state folder is set aside and never mixed with the new one.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { weAreRoot } from './account.js';
import { EmbeddedServerError } from './error.js';

export const rootState = '/var/lib/hero-logic';

export function homeHash(home: string): string {
  return createHash('sha256').update(resolve(home)).digest('hex').slice(0, 16);
}

/** Where the servers of this HERO_HOME keep data, configuration, logs and pid files. */
export function stateFolder(home: string): string {
  return weAreRoot() ? join(rootState, homeHash(home)) : join(resolve(home), 'var', 'embedded');
}

/** Where downloads are kept: `HERO_CACHE` (to share one between several HERO_HOMEs), else `$HERO_HOME/cache`. */
export function cacheFolder(home: string): string {
  return process.env.HERO_CACHE ? resolve(process.env.HERO_CACHE) : join(resolve(home), 'cache');
}

export interface Identity {
  readonly id: string;
  readonly postgresPassword: string;
  readonly natsPassword: string;
}

async function identity(home: string): Promise<Identity> {
  const path = join(home, 'embedded.json');
  const read = async () => JSON.parse(await readFile(path, 'utf8')) as Identity;
  try {
    return await read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new EmbeddedServerError(
        `The passwords of the embedded servers cannot be read from ${path}.`,
        'Restore the file, or delete it: the servers then start with empty data, and the old data is set aside.',
        { cause: error },
      );
    }
  }
  const secret = () => randomBytes(18).toString('base64url');
  const fresh: Identity = { id: secret(), postgresPassword: secret(), natsPassword: secret() };
  const draft = `${path}.${process.pid}.${secret()}`;
  await writeFile(draft, `${JSON.stringify(fresh, null, 2)}\n`, { mode: 0o600 });
  // link() is atomic, so no process reads half a file. It fails if another process was first; then that identity is used.
  await link(draft, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
  return await read();
}

export interface State extends Identity {
  readonly home: string;
  readonly folder: string;
  /** another home's data was found in the folder and moved here (F2) */
  readonly setAside?: string;
}

const opening = new Map<string, Promise<unknown>>();

/**
 * Makes sure that the state folder exists and belongs to this HERO_HOME. `release` stops the processes that still run in a folder.
 * Servers that start at the same time share the folder: the first sets another home's data aside, the others wait for it.
 */
export async function openState(
  home: string,
  folder: string,
  release: (folder: string) => Promise<void>,
): Promise<State> {
  const before = opening.get(folder) ?? Promise.resolve();
  const mine = before.catch(() => undefined).then(() => open(home, folder, release));
  opening.set(folder, mine);
  try {
    return await mine;
  } finally {
    if (opening.get(folder) === mine) opening.delete(folder);
  }
}

async function open(home: string, folder: string, release: (folder: string) => Promise<void>): Promise<State> {
  try {
    await mkdir(home, { recursive: true });
    // The server's account may only pass through root's folder; the folders inside are private (0700) to that account.
    await mkdir(folder, { recursive: true, mode: 0o755 });
    if (weAreRoot()) await chmod(folder, 0o755);
    if (folder.startsWith(rootState)) await chmod(rootState, 0o755);
  } catch (error) {
    throw new EmbeddedServerError(
      `The embedded servers need the folder ${folder}, which cannot be made: ${(error as Error).message}.`,
      'Give it write access, choose another HERO_HOME, or set DATABASE_URL and NATS_URL to servers of your own.',
      { cause: error },
    );
  }
  const own = await identity(resolve(home));
  const idFile = join(folder, 'id');
  const id = await readFile(idFile, 'utf8').catch(() => undefined);
  if (id === own.id) return { ...own, home: resolve(home), folder };
  let setAside: string | undefined;
  if (id !== undefined) {
    await release(folder);
    setAside = `${folder}.old`;
    await rm(setAside, { recursive: true, force: true });
    await rename(folder, setAside);
    await mkdir(folder, { mode: 0o755 });
  }
  await writeFile(join(folder, 'home'), `${resolve(home)}\n`);
  await writeFile(idFile, own.id);
  return { ...own, home: resolve(home), folder, setAside };
}
