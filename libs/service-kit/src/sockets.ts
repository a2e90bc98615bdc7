import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';

/** Bytes of a unix socket's path: 107 on Linux, 103 on macOS. */
const LONGEST_PATH = 103;

/** Prepares a path for listening: removes a socket without a server, and throws if a live process serves it. */
export async function claimSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new Error(`The socket path ${path} has more than ${LONGEST_PATH} bytes; set a shorter HERO_HOME.`);
  }
  // The permissions of the folder guard the socket.
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await chmod(dirname(path), 0o700);
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket()) throw new Error(`${path} exists and is not a socket; move it away.`);
  if (await isServed(path)) {
    throw new Error(`${path} is served by a running process; stop it (hero_logic down) or set another HERO_HOME.`);
  }
  await unlink(path);
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
