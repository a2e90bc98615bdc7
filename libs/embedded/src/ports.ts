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
 * A free port below the range that the kernel gives to outgoing connections, so that none of those takes it while the server
 * is down. The search starts at a hash of the home: two homes seldom try the same port, and one home usually keeps its port.
 */
export async function freePort(seed: string): Promise<number> {
  const first = createHash('sha256').update(seed).digest().readUInt32BE(0);
  for (let step = 0; ; step++) {
    const port = 20_000 + ((first + step * 7) % 12_000);
    if (await isFree(port)) return port;
  }
}
