/**
 * The one socket of an executor, and who is behind each of its connections.
 *
 * A connection says once, by its process's single-use token (`hello`), whose it is. Which play that process runs is decided here
 * and not by the process: every byte is stamped by the connection it came on, and what frames claim of other plays has no effect.
 */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '@hero/bus';
import { Hello } from '@hero/contracts';
import type { z } from 'zod';

export type Lane = z.infer<typeof Hello>['lane'];
export type Taker = (lane: Lane, socket: Socket, first: Buffer) => void;

const HELLO_LIMIT = 1_000;
/** The system's limit of a socket's path is 108 bytes. */
const PATH_LIMIT = 100;
const NEWLINE = 10;

export interface Lanes {
  readonly path: string;
  /** Hands over the connections of the process that has this token, each lane once; returns how to forget it. */
  expect(token: string, take: Taker): () => void;
  close(): Promise<void>;
}

export async function openLanes(folder: string, log: Log): Promise<Lanes> {
  const expected = new Map<string, { take: Taker; lanes: Set<Lane> }>();
  const path = await socketPath(folder);
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    greet(socket, (hello, first) => {
      const known = expected.get(hello.token);
      if (!known || known.lanes.has(hello.lane)) {
        log.warn({ lane: hello.lane }, 'a connection without a valid token was closed');
        return socket.destroy();
      }
      known.lanes.add(hello.lane);
      known.take(hello.lane, socket, first);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, backlog: 1024 }, resolve);
  });
  // The folder guards it; the fork server, which is another user by the time it connects, holds the socket itself open.
  await chmod(path, 0o666);
  return {
    path,
    expect(token, take) {
      expected.set(token, { take, lanes: new Set() });
      return () => expected.delete(token);
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(join(path, '..'), { recursive: true, force: true });
    },
  };
}

async function socketPath(folder: string): Promise<string> {
  const path = join(folder, 'plays.sock');
  if (Buffer.byteLength(path) <= PATH_LIMIT) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return path;
  }
  return join(await mkdtemp(join(tmpdir(), 'hero-executor-')), 'plays.sock');
}

/** Reads the first line. */
function greet(socket: Socket, then: (hello: z.infer<typeof Hello>, rest: Buffer) => void): void {
  let held: Buffer = Buffer.alloc(0);
  const read = (chunk: Buffer): void => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const end = held.indexOf(NEWLINE);
    if (end === -1) return held.length > HELLO_LIMIT ? void socket.destroy() : undefined;
    socket.off('data', read);
    socket.pause();
    const hello = parse(held.subarray(0, end));
    if (hello) then(hello, held.subarray(end + 1));
    else socket.destroy();
  };
  socket.on('data', read);
}

function parse(line: Buffer): z.infer<typeof Hello> | undefined {
  try {
    return Hello.safeParse(JSON.parse(line.toString())).data;
  } catch {
    return undefined;
  }
}
