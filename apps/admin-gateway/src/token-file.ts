/** The admin's token: 256 random bits in a file that only the owner can read. It never appears in a log, an argument or a URL. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StartFault } from '@hero/service-kit';

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** Reads the token, or creates it at the first start. */
export async function adminToken(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = randomBytes(32).toString('base64url');
  try {
    await writeFile(path, `${fresh}\n`, { mode: 0o600, flag: 'wx' });
    return fresh;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const token = (await readFile(path, 'utf8')).trim();
  if (!TOKEN.test(token)) {
    throw new StartFault('The admin token is not usable.', [
      `${path} does not contain a valid token; remove it, and the next start makes a new one.`,
    ]);
  }
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
  return token;
}
