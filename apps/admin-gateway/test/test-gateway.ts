import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Bus, connectBus, silent } from '@hero/bus';
import { AsyncDisposableStack, tempFolder, testNats } from '@hero/testing';
import { type Gateway, openGateway } from '../src/gateway.js';
import { openRegistry, openSpanIngest, ScriptedServices } from './scripted-services.js';

export interface TestGateway extends AsyncDisposable, Pick<Gateway, 'httpUrl' | 'live'> {
  home: string;
  natsUrl: string;
  /** The gateway's own connection. */
  bus: Bus;
  /** The connection of the scripted span-ingest, for its announcements. */
  ingest: Bus;
  services: ScriptedServices;
  token: string;
  rpcSocket: string;
  adminSocket: string;
  restartNats(): Promise<void>;
}

export interface TestGatewayOptions {
  heartbeatMs?: number;
  headersWithinMs?: number;
  /** Whether there is a registry; default true. */
  registry?: boolean;
}

/** A gateway with NATS and a scripted registry and span-ingest. */
export async function openTestGateway({
  heartbeatMs,
  headersWithinMs,
  registry = true,
}: TestGatewayOptions = {}): Promise<TestGateway> {
  const stack = new AsyncDisposableStack();
  try {
    const folder = stack.use(await tempFolder());
    const nats = stack.use(await testNats());
    const services = new ScriptedServices();
    if (registry) stack.use(await openRegistry(nats.url, services));
    const ingest = stack.use(await openSpanIngest(nats.url, services));
    const bus = stack.use(await connectBus({ url: nats.url, name: 'admin-gateway', log: silent }));
    const closing = new AbortController();
    const [rpcSocket, adminSocket] = [join(folder.path, 'rpc.sock'), join(folder.path, 'admin.sock')];
    const gateway = await openGateway({
      bus,
      log: silent,
      home: folder.path,
      host: '127.0.0.1',
      port: 0,
      rpcSocket,
      adminSocket,
      closing: closing.signal,
      heartbeatMs,
      headersWithinMs,
    });
    stack.defer(async () => {
      closing.abort();
      await gateway.close();
    });
    const token = (await readFile(join(folder.path, 'var', 'admin.token'), 'utf8')).trim();
    return {
      home: folder.path,
      natsUrl: nats.url,
      httpUrl: gateway.httpUrl,
      live: gateway.live,
      bus,
      ingest: ingest.bus,
      services,
      token,
      rpcSocket,
      adminSocket,
      restartNats: () => nats.restart(),
      [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
    };
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  json: <T = Reply>() => T;
}
export interface Reply {
  id?: unknown;
  result?: unknown;
  error?: {
    code: number;
    message: string;
    data?: { code?: string; retry?: boolean; issues?: unknown; details?: unknown };
  };
}

export interface Sent {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** Sends one raw request, which may be malformed. */
export function send(to: { socketPath: string } | { port: number }, sent: Sent): Promise<Answer> {
  const { method = 'POST', path = '/rpc', headers = {}, body } = sent;
  return new Promise((resolve, reject) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const asked = request({ ...to, host: '127.0.0.1', method, path, headers: { ...type, ...headers }, agent: false });
    asked.once('response', (reply) => {
      text(reply).then(
        (read) =>
          resolve({
            status: reply.statusCode ?? 0,
            headers: reply.headers,
            body: read,
            json: <T>() => JSON.parse(read) as T,
          }),
        reject,
      );
    });
    asked.once('error', reject);
    asked.end(body);
  });
}

export const portOf = (gateway: TestGateway): number => Number(new URL(gateway.httpUrl).port);

/** One JSON-RPC call through the owner's socket. */
export async function rpc(gateway: TestGateway, method: string, params: object = {}): Promise<Reply> {
  const answer = await send(
    { socketPath: gateway.rpcSocket },
    { body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) },
  );
  return answer.json();
}
