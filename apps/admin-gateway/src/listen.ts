/** Listens on two unix sockets and one loopback port, which have the same routes and different checks (doors.ts). */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { StartFault } from '@hero/service-kit';
import { type Door, enter } from './doors.js';
import type { Listener } from './routes.js';

const CLOSE_WITHIN_MS = 3_000;

export interface Patience {
  /** Time limit for the headers of the first request of a connection, and for those of each further one. */
  headersWithinMs?: number;
}

export interface ListenOptions extends Patience {
  front: Listener;
  rpcSocket: string;
  adminSocket: string;
  host: string;
  port: number;
}

export interface Listening {
  readonly httpUrl: string;
  close(): Promise<void>;
}

export async function listen({
  front,
  rpcSocket,
  adminSocket,
  host,
  port,
  ...patience
}: ListenOptions): Promise<Listening> {
  const servers: Server[] = [];
  const close = async (): Promise<void> => void (await Promise.all(servers.map(closeServer)));
  try {
    servers.push(await onSocket(front, rpcSocket, { kind: 'rpc', port: 0 }, patience));
    servers.push(await onSocket(front, adminSocket, { kind: 'admin', port: 0 }, patience));
    const http = await onPort(front, host, port, patience);
    servers.push(http);
    const { port: real } = http.address() as AddressInfo;
    return { httpUrl: `http://${host.includes(':') ? `[${host}]` : host}:${real}`, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Limits for clients that are not logged in: the number of connections, the time for headers, the time for a body, and the number of
 * pipelined requests, which are answered one at a time.
 */
const CONNECTIONS_LIMIT = 1_024;
const HEADERS_WITHIN_MS = 10_000;
const BODY_WITHIN_MS = 120_000;
const CHECK_EVERY_MS = 2_000;
const PIPELINE_LIMIT = 32;

function serverFor(front: Listener, door: () => Door, { headersWithinMs = HEADERS_WITHIN_MS }: Patience = {}): Server {
  const waiting = new WeakMap<Socket, (() => void)[]>();
  const limits = {
    headersTimeout: headersWithinMs,
    requestTimeout: BODY_WITHIN_MS,
    connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, headersWithinMs),
    // Longer than clients keep an idle connection, so that clients close first and no request is sent on a closing socket.
    keepAliveTimeout: 75_000,
  };
  const server = createServer(limits, (req, res) => {
    const { socket } = req;
    const work = (): void => {
      if (res.destroyed) return;
      enter(req, door());
      front(req, res);
    };
    const queue = waiting.get(socket);
    res.once('close', () => {
      const next = waiting.get(socket)?.shift();
      if (next) next();
      else waiting.delete(socket);
    });
    if (!queue) {
      waiting.set(socket, []);
      work();
    } else if (queue.length < PIPELINE_LIMIT) queue.push(work);
    else socket.destroy();
  });
  server.maxConnections = CONNECTIONS_LIMIT;
  return server;
}

async function onSocket(front: Listener, path: string, door: Door, patience: Patience): Promise<Server> {
  const server = serverFor(front, () => door, patience);
  // A socket gets its mode when it is bound. `listen` binds before it returns, so the umask affects no other code.
  const before = process.umask(0o177);
  try {
    const bound = listening(server);
    server.listen(path);
    process.umask(before);
    await bound;
  } finally {
    process.umask(before);
  }
  return server;
}

async function onPort(front: Listener, host: string, port: number, patience: Patience): Promise<Server> {
  const door = (): Door => ({ kind: 'http', port: (server.address() as AddressInfo).port });
  const server: Server = serverFor(front, door, patience);
  const bound = listening(server);
  server.listen(port, host);
  try {
    await bound;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const remedy = `Port ${port} on ${host} is taken; set HERO_HTTP_PORT to another one, or to 0 for a free one.`;
    throw new StartFault('The gateway cannot listen.', [remedy]);
  }
  return server;
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
}

/** Refuses new connections, closes idle ones, and gives running requests a short time to finish. */
async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const done = new Promise<void>((resolve) => void server.close(() => resolve()));
  server.closeIdleConnections();
  const limit = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
  await done;
  clearTimeout(limit);
}
