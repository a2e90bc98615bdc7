import { chown, lstat, mkdir, readFile } from 'node:fs/promises';
import { EmbeddedServerError } from './error.js';

/** The account that the servers run as. Without `uid` it is the account of this process. */
export interface Account {
  readonly name: string;
  readonly uid?: number;
  readonly gid?: number;
}

export function weAreRoot(): boolean {
  return process.getuid?.() === 0;
}

/** PostgreSQL refuses to run as root, and nats-server does not need to. So root starts both as `postgres`, else as `nobody`. */
export async function serverAccount(): Promise<Account> {
  if (!weAreRoot()) return { name: `uid ${process.getuid?.() ?? 'unknown'}` };
  const accounts = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const found = accounts.find((fields) => fields[0] === name && Number(fields[2]) > 0);
    if (found) return { name, uid: Number(found[2]), gid: Number(found[3]) };
  }
  return { name: 'uid 65534', uid: 65534, gid: 65534 };
}

/** A folder only the server's account (and root) can enter. */
export async function privateFolder(path: string, account: Account): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const { uid } = await lstat(path);
  if (![process.getuid?.(), account.uid].includes(uid)) {
    throw new EmbeddedServerError(
      `The folder ${path} belongs to another user (uid ${uid}).`,
      'Have it removed, or choose another HERO_HOME.',
    );
  }
  if (account.uid !== undefined && account.gid !== undefined) await chown(path, account.uid, account.gid);
  return path;
}
