/**
 * Each service creates the streams and consumers that it needs, at any time: the JetStream folder may be empty after a restart.
 *
 * 1. Only what the caller names is compared and changed; what it leaves out is the server's business.
 * 2. Older servers ignore newer settings silently, so what the server says it does is read back and compared.
 */
import { isDeepStrictEqual } from 'node:util';
import { HeroError } from '@hero/contracts';
import {
  type ConsumerConfig,
  type ConsumerInfo,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type PubAck,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { Connection } from './connection.js';
import { checkPattern, checkSubject } from './subjects.js';
import { encode } from './wire.js';

export type StreamSettings = Partial<StreamConfig> & { name: string };
export type ConsumerSettings = Partial<ConsumerConfig> & { durable_name: string };

export interface StreamAndConsumer {
  readonly stream: StreamSettings;
  readonly consumer: ConsumerSettings;
}

/** Makes the stream, or changes it to these settings; returns it as the server has it. */
export async function ensureStream(jsm: JetStreamManager, settings: StreamSettings): Promise<StreamInfo> {
  const { name, ...changeable } = settings;
  checkSubject(name);
  settings.subjects?.forEach(checkPattern);
  let info = await found(jsm.streams.info(name), JetStreamApiCodes.StreamNotFound);
  if (!info) info = await jsm.streams.add(settings);
  else if (differing(settings, info.config).length > 0) info = await jsm.streams.update(name, changeable);
  refuseIgnored(`stream ${name}`, settings, info.config);
  return info;
}

/** Makes the durable consumer, or changes it to these settings; returns it as the server has it. */
export async function ensureConsumer(
  jsm: JetStreamManager,
  stream: string,
  settings: ConsumerSettings,
): Promise<ConsumerInfo> {
  const name = settings.durable_name;
  const { filter_subject, filter_subjects = [] } = settings;
  [...filter_subjects, ...(filter_subject ? [filter_subject] : [])].forEach(checkPattern);
  let info = await found(jsm.consumers.info(stream, name), JetStreamApiCodes.ConsumerNotFound);
  if (!info) info = await jsm.consumers.add(stream, settings);
  else if (differing(settings, info.config).length > 0) info = await jsm.consumers.update(stream, name, settings);
  refuseIgnored(`consumer ${name} of ${stream}`, settings, info.config);
  return info;
}

/**
 * When the oldest message was stored that no consumer was handed so far; null: none waits. What was handed out already does not
 * count, be it unreadable, never acked, or brought back by a nats-server that was killed.
 */
export async function oldestUndelivered(
  jsm: JetStreamManager,
  { stream, consumer, subject }: { stream: string; consumer: string; subject: string },
): Promise<Date | undefined> {
  const info = await found(jsm.consumers.info(stream, consumer), JetStreamApiCodes.ConsumerNotFound);
  return oldestStored(jsm, { stream, subject, after: info?.delivered.stream_seq });
}

/** When the oldest message of a subject was stored that is still in the stream. */
export async function oldestStored(
  jsm: JetStreamManager,
  { stream, subject, after = 0 }: { stream: string; subject: string; after?: number | undefined },
): Promise<Date | undefined> {
  // The client passes the request on as it is; its types know `next_by_subj` only for direct gets.
  const request = { seq: after + 1, next_by_subj: subject } as { seq: number };
  const message = await found(jsm.streams.getMessage(stream, request), JetStreamApiCodes.NoMessageFound);
  return message?.time;
}

/** The bus of a JetStream client: whose reconnects end what waits for a reply that cannot come any more. */
export const connections = new WeakMap<JetStreamClient, Connection>();

/** Fails at a reconnect: the reply to what was asked before is lost, and waiting for its limit would only cost time. */
export function unlessReconnected<T>(bus: Connection, reply: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = bus.onReconnect(() => reject(new Error('the connection was lost and is back')));
    reply.then(resolve, reject).finally(forget);
  });
}

export interface PublishOptions {
  /** The server forgets the second of two messages with the same id, within the stream's window. */
  msgID?: string;
  timeout?: number;
}

/** Publishes into a stream and waits until it is stored. UNAVAILABLE: it may not be; publish it again with its id. */
export async function publishJson(
  js: JetStreamClient,
  subject: string,
  data: unknown,
  options: PublishOptions = {},
): Promise<PubAck> {
  return publishBytes(js, subject, encode(data), options);
}

export async function publishBytes(
  js: JetStreamClient,
  subject: string,
  data: Uint8Array,
  { msgID, timeout = 5_000 }: PublishOptions = {},
): Promise<PubAck> {
  try {
    const stored = js.publish(subject, data, { timeout, retries: 0, ...(msgID && { msgID }) });
    const bus = connections.get(js);
    return await (bus ? unlessReconnected(bus, stored) : stored);
  } catch (cause) {
    if (cause instanceof HeroError) throw cause;
    throw new HeroError('UNAVAILABLE', `No stream stores ${subject}; publish it again when its stream exists.`, {
      cause,
    });
  }
}

async function found<T>(info: Promise<T>, missing: number): Promise<T | undefined> {
  try {
    return await info;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === missing) return undefined;
    throw error;
  }
}

function differing(wanted: object, actual: object): string[] {
  const has = new Map<string, unknown>(Object.entries(actual));
  return Object.entries(wanted)
    .filter(([key, value]) => value !== undefined && !isDeepStrictEqual(value, has.get(key)))
    .map(([key]) => key);
}

function refuseIgnored(what: string, wanted: object, actual: object): void {
  const ignored = differing(wanted, actual);
  if (ignored.length === 0) return;
  throw new Error(
    `The NATS server does not do what ${what} asks for: ${ignored.join(', ')}. Use settings that it knows.`,
  );
}
