import { setTimeout as delay } from 'node:timers/promises';
import { HeroError, messageOf } from '@hero/contracts';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { AuthorizationError, connect, type NodeConnectionOptions } from '@nats-io/transport-node';
import { Bus } from './bus.js';
import { type Log, silent } from './log.js';
import { guarded } from './subjects.js';

export interface ConnectOptions {
  /** `nats://host:port`, several with commas; `nats://user:password@host` and `nats://token@host` carry credentials. */
  url: string;
  /** Who this is, in the server's list of connections and in the `hero-caller` header of every question. */
  name: string;
  log?: Log;
  /** How long the first connection may take before it is given up. Default 15 s. */
  firstConnectWithinMs?: number;
  /** The longest slice of a contract that waits. Default 20 s. */
  waitSliceMs?: number;
  /** How long an outage may last for a caller that waits without a limit. Default 60 s. */
  outageLimitMs?: number;
}

const RETRY_MS = 100;

/** Connects, and stays connected: after the first connection it reconnects forever, within half a second of waiting. */
export async function connectBus(options: ConnectOptions): Promise<Bus> {
  const { name, log = silent, firstConnectWithinMs = 15_000, waitSliceMs = 20_000, outageLimitMs = 60_000 } = options;
  const limit = performance.now() + firstConnectWithinMs;
  const natsOptions: NodeConnectionOptions = {
    ...serversOf(options.url),
    name,
    timeout: 2_000,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => 50 + Math.random() * 450,
    ignoreAuthErrorAbort: true,
    pingInterval: 10_000,
    maxPingOut: 2,
    noAsyncTraces: true,
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const nc = guarded(await connect(natsOptions));
      const jsm = await jetstreamManager(nc, { checkAPI: false });
      return new Bus({ nc, js: jetstream(nc), jsm, name, log, waitSliceMs, outageLimitMs });
    } catch (cause) {
      if (cause instanceof AuthorizationError || performance.now() >= limit) throw unreachable(options.url, cause);
      if (attempt % 20 === 1) log.info({ url: withoutPassword(options.url), attempt }, 'waiting for NATS');
      await delay(RETRY_MS);
    }
  }
}

function serversOf(url: string): Pick<NodeConnectionOptions, 'servers' | 'user' | 'pass' | 'token'> {
  const urls = url.split(',').map((part) => parseUrl(part.trim()));
  const servers = urls.map((parsed) => parsed.host);
  const { username, password } = urls[0] ?? { username: '', password: '' };
  if (password) return { servers, user: decodeURIComponent(username), pass: decodeURIComponent(password) };
  return username ? { servers, token: decodeURIComponent(username) } : { servers };
}

function parseUrl(url: string): URL {
  try {
    return new URL(url.includes('://') ? url : `nats://${url}`);
  } catch (cause) {
    throw new HeroError('INVALID_PARAMS', `"${withoutPassword(url)}" is not a NATS address; write nats://host:4222.`, {
      cause,
    });
  }
}

const withoutPassword = (url: string): string => url.replace(/\/\/[^@/]*@/g, '//***@');

function unreachable(url: string, cause: unknown): HeroError {
  return new HeroError(
    'UNAVAILABLE',
    `No NATS server answers at ${withoutPassword(url)} (${messageOf(cause)}); start it or set NATS_URL.`,
    { cause },
  );
}
