/** `/clients`: the clients in `$HERO_HOME/var/clients`, as a list and one by one. Only names of client files are looked up, and links are not followed. */
import { constants } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HeroError } from '@hero/contracts';
import { CLIENT_FILE } from '@hero/openrpc/client-folder';

export interface ClientFile {
  name: string;
  language: 'python' | 'typescript';
  bytes: number;
  changed_at: string;
  path: string;
}

export async function listClients(folder: string): Promise<ClientFile[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile() && CLIENT_FILE.test(entry.name)).map(({ name }) => name);
  return Promise.all(
    names.sort().map(async (name) => {
      const { size, mtime } = await stat(join(folder, name));
      const language = name.endsWith('.py') ? 'python' : 'typescript';
      return { name, language, bytes: size, changed_at: mtime.toISOString(), path: `/clients/${name}` };
    }),
  );
}

export async function readClient(folder: string, name: string): Promise<string> {
  const missing = new HeroError('NOT_FOUND', 'There is no such client; GET /clients lists them.');
  if (!CLIENT_FILE.test(name)) throw missing;
  const file = await open(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => {
      throw missing;
    },
  );
  try {
    if (!(await file.stat()).isFile()) throw missing;
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
