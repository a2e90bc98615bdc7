/**
 * One question and its answer.
 *
 * 1. Nobody listening (no responders) means that nobody got it: asked again for up to 5 s, whatever the contract.
 * 2. After a reconnect an idempotent question is asked again at once; another one waits for its reply until its limit,
 *    because it may have been acted upon.
 * 3. Nothing is sent while the connection is down: it would go out after its asker has given up.
 */
import { type Contract, ErrorData, HeroError, subjectOf, RawJson } from '@hero/contracts';
import {
  ClosedConnectionError,
  DrainingConnectionError,
  headers,
  type Msg,
  type MsgHdrs,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
} from '@nats-io/transport-node';
import { backoff } from './backoff.js';
import type { Connection } from './connection.js';
import { fetchParcel, type Parcel } from './parcels.js';
import { RECONNECTED } from './replies.js';
import {
  BYTES,
  CALLER,
  claimedBytes,
  decode,
  ERROR,
  encodeParams,
  FROM,
  KEPT,
  PAGES,
  REPLY_LIMIT,
  stubOf,
  tooLarge,
} from './wire.js';

export interface AskOptions {
  /** Default: the contract's `replyWithinMs`. */
  timeoutMs?: number;
  /** Default: the contract's subject; `<subject>.<instance>` asks one instance. */
  subject?: string;
  signal?: AbortSignal;
  /** Ask again for up to 5 s while nobody answers for the service, e.g. because it restarts. Default true. */
  retryUnavailable?: boolean;
  /** The answer as the text that arrived (RawJson), for a caller that only passes it on. Not for contracts that wait. */
  asText?: boolean;
}

const RETRY_FOR_MS = 5_000;
const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 500;

export async function exchange(
  bus: Connection,
  contract: Contract,
  params: unknown,
  options: AskOptions,
): Promise<unknown> {
  const { body, kept } = encodeParams(params);
  if (body.length > contract.maxBytes) throw tooLarge(`A request of ${contract.name}`, body.length, contract.maxBytes);
  const started = performance.now();
  const timeoutMs = options.timeoutMs ?? contract.replyWithinMs;
  const repeatable = contract.idempotent || contract.waits !== undefined;
  const retryForMs = options.retryUnavailable === false ? 0 : Math.min(RETRY_FOR_MS, timeoutMs);
  const subject = options.subject ?? subjectOf(contract);
  const parcel = body.length > bus.pageBytes ? bus.parcels.hold(body, bus.pageBytes, 0) : undefined;
  const stamped = stamp(bus.name, parcel);
  if (kept) stamped.set(KEPT, kept);
  try {
    const retry = backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
    for (;;) {
      options.signal?.throwIfAborted();
      const elapsed = performance.now() - started;
      try {
        if (!bus.connected) throw unavailable(contract, 'NATS is not reachable');
        const reply = await bus.replies.ask({
          subject,
          body: parcel ? EMPTY : body,
          headers: stamped,
          timeoutMs: Math.max(1, timeoutMs - elapsed),
          repeatable,
          signal: options.signal,
        });
        if (reply !== RECONNECTED) return await read(bus, contract, reply, options.asText);
        retry.reset();
      } catch (error) {
        const mapped = mapFault(error, contract, timeoutMs);
        const spent = performance.now() - started + retry.nextMs;
        if (!(mapped instanceof NobodyThere) || spent > retryForMs || bus.nc.isClosed()) throw mapped;
        await retry.wait(options.signal);
      }
    }
  } finally {
    parcel?.release();
  }
}

const EMPTY = new Uint8Array(0);

export function stamp(caller: string, parcel: Parcel | undefined): MsgHdrs {
  const stamped = headers();
  if (caller) stamped.set(CALLER, caller);
  if (parcel) {
    stamped.set(PAGES, String(parcel.pages));
    stamped.set(BYTES, String(parcel.bytes));
    stamped.set(FROM, parcel.from);
  }
  return stamped;
}

async function read(bus: Connection, contract: Contract, reply: Msg, asText = false): Promise<unknown> {
  const stub = stubOf(reply.headers);
  const bytes = claimedBytes(reply, stub);
  if (bytes > REPLY_LIMIT) throw tooLarge(`The reply to ${contract.name}`, bytes, REPLY_LIMIT);
  const body = stub ? await fetchParcel(bus.nc, stub) : reply.data;
  const failed = reply.headers?.has(ERROR);
  if (asText && !failed)
    return new RawJson(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  const value = decode(body);
  if (!failed) return value;
  const data = ErrorData.safeParse(value);
  throw data.success
    ? HeroError.from(data.data)
    : new HeroError('INTERNAL', `${contract.service} sent a damaged error.`);
}

/** Nobody got the question: it is safe to ask again. */
class NobodyThere extends HeroError {}

function unavailable(contract: Contract, why: string, cause?: unknown): HeroError {
  return new NobodyThere('UNAVAILABLE', `${contract.service} does not answer (${why}); try again in a moment.`, {
    cause,
  });
}

function mapFault(error: unknown, contract: Contract, timeoutMs: number): unknown {
  if (error instanceof HeroError) return error;
  if (error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders())) {
    return unavailable(contract, 'nobody listens on the bus', error);
  }
  if (error instanceof TimeoutError) {
    return new HeroError('TIMEOUT', `${contract.service} did not answer ${contract.name} within ${timeoutMs} ms.`, {
      cause: error,
    });
  }
  if (error instanceof PermissionViolationError) {
    return new HeroError(
      'INTERNAL',
      `NATS refuses ${contract.name} of ${contract.service} (${error.message}); change the permissions of this service's account.`,
      { cause: error },
    );
  }
  if (
    error instanceof ClosedConnectionError ||
    error instanceof DrainingConnectionError ||
    error instanceof RequestError
  ) {
    return new HeroError('UNAVAILABLE', `The connection to the bus is closed: this service is stopping.`, {
      cause: error,
    });
  }
  return error;
}
