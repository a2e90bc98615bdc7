/** Where the gateway listens: two unix sockets and one loopback port, all with the same routes behind different doors. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StartFault } from '@hero/service-kit';
import { type Door, enter } from './doors.js';
import type { Listener } from './routes.js';

const CLOSE_WITHIN_MS = 3_000;

export interface ListenOptions {
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

export async function listen({ front, rpcSocket, adminSocket, host, port }: ListenOptions): Promise<Listening> {
  const servers: Server[] = [];
  const close = async (): Promise<void> => void (await Promise.all(servers.map(closeServer)));
  try {
    servers.push(await onSocket(front, rpcSocket, { kind: 'rpc', port: 0 }));
    servers.push(await onSocket(front, adminSocket, { kind: 'admin', port: 0 }));
    const http = await onPort(front, host, port);
    servers.push(http);
    const { port: real } = http.address() as AddressInfo;
    return { httpUrl: `http://${host.includes(':') ? `[${host}]` : host}:${real}`, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function serverFor(front: Listener, door: () => Door): Server {
  const server = createServer((req, res) => {
    enter(req, door());
    front(req, res);
  });
  // Longer than clients keep an idle connection: they close first, and no request meets a closing socket.
  server.keepAliveTimeout = 75_000;
  server.requestTimeout = 120_000;
  return server;
}

async function onSocket(front: Listener, path: string, door: Door): Promise<Server> {
  const server = serverFor(front, () => door);
  // A socket gets its mode when it is bound, and `listen` binds before it returns: nobody else sees this umask.
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

async function onPort(front: Listener, host: string, port: number): Promise<Server> {
  const server: Server = serverFor(front, () => ({ kind: 'http', port: (server.address() as AddressInfo).port }));
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

/** No new connections, idle ones closed, running requests get a moment to be answered. */
async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const done = new Promise<void>((resolve) => void server.close(() => resolve()));
  server.closeIdleConnections();
  const limit = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
  await done;
  clearTimeout(limit);
}
