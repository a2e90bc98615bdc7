/** Free TCP ports for embedded servers. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

export async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * A free port below the range the kernel hands out to outgoing connections, so that nobody takes it by chance while the server
 * is down. It starts from a hash: two homes seldom try the same one, and one home tends to keep its own.
 */
export async function freePort(seed: string): Promise<number> {
  const first = createHash('sha256').update(seed).digest().readUInt32BE(0);
  for (let step = 0; ; step++) {
    const port = 20_000 + ((first + step * 7) % 12_000);
    if (await isFree(port)) return port;
  }
}
