import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Bus, Log } from '@hero/bus';
import { openClientFolder } from '@hero/openrpc/client-folder';
import { Access } from './credentials.js';
import { JsonRpc } from './json-rpc.js';
import { listen } from './listen.js';
import { Live } from './live.js';
import { Logins } from './login.js';
import { Methods } from './methods.js';
import { createFront } from './routes.js';
import { adminToken } from './token-file.js';

export interface GatewayOptions {
  bus: Bus;
  log: Log;
  home: string;
  host: string;
  port: number;
  rpcSocket: string;
  adminSocket: string;
  closing: AbortSignal;
  heartbeatMs?: number;
  headersWithinMs?: number;
}

export interface Gateway {
  readonly httpUrl: string;
  readonly live: Live;
  close(): Promise<void>;
}

/** Creates the parts of the gateway and starts to listen. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { bus, log, home, closing, heartbeatMs } = options;
  const access = new Access(await adminToken(join(home, 'var', 'admin.token')));
  const methods = new Methods(bus);
  const live = new Live(bus, methods, log, { closing, heartbeatMs });
  let httpUrl = '';
  const logins = new Logins(access, join(home, 'var', 'login-link'), () => httpUrl);
  const clients = await openClientFolder(join(home, 'var'));
  const front = createFront({ bus, log, access, rpc: new JsonRpc(methods, log), live, logins, clients, closing });
  const listening = await listen({ ...options, front });
  httpUrl = listening.httpUrl;
  const runFile = join(home, 'var', 'run', 'admin-gateway.json');
  await writeRunFile(runFile, { pid: process.pid, http_url: httpUrl });
  log.info({ http_url: httpUrl, rpc_socket: options.rpcSocket }, 'gateway listens');
  return {
    httpUrl,
    live,
    close: async () => {
      await listening.close();
      await rm(runFile, { force: true });
    },
  };
}

/** Writes the chosen port to a file, atomically, so that other programs find it. */
async function writeRunFile(path: string, facts: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, `${JSON.stringify(facts)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
