/**
 * `$HERO_HOME/var/clients`: clients of services, one file each. The gateway serves them, and every play can import them: the executor
 * puts the folder on the path of its Python, after everything else, and the jail shows it read-only.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PACKAGE } from './runtime.js';

const OWN = ['hero_logic_client.py', 'hero_logic_client.ts'] as const;

/** What a client's file may be called. No such name leaves the folder. */
export const CLIENT_FILE = /^[A-Za-z][A-Za-z0-9_]{0,99}\.(py|ts)$/;

/** Makes the folder of this `var` folder with the runtime's own clients in it, and returns its path. */
export async function openClientFolder(varFolder: string): Promise<string> {
  const folder = join(varFolder, 'clients');
  for (const name of OWN) await storeClient(folder, name, await readFile(join(PACKAGE, 'generated', name), 'utf8'));
  return folder;
}

/** Whoever reads it sees the file before or after, never a part; plays read it as another user. */
export async function storeClient(folder: string, name: string, text: string): Promise<string> {
  if (!CLIENT_FILE.test(name))
    throw new Error(`${name} is not a name for a client: letters, digits and _, then .py or .ts`);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  // The umask may have closed it to the user that plays run as.
  if (((await stat(folder)).mode & 0o555) !== 0o555) await chmod(folder, 0o755);
  const path = join(folder, name);
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return path;
  const draft = join(folder, `.${randomBytes(6).toString('hex')}`);
  try {
    await writeFile(draft, text, { mode: 0o644 });
    await chmod(draft, 0o644);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  return path;
}
