/**
 * Answers one JSON-RPC 2.0 body: checks it, makes its calls in parallel, and returns their replies.
 *
 * 1. Size and depth are checked before the body is parsed.
 * 2. Each call with an id gets exactly one reply; a notification gets none, also if it fails.
 * 3. The size of all replies together is bounded.
 */
import { setMaxListeners } from 'node:events';
import { isUtf8 } from 'node:buffer';
import type { Log } from '@hero/bus';
import { type Contract, HeroError, keptOf, MIB, PAYLOAD_LIMIT, RawJson, stringify } from '@hero/contracts';
import { type Scan, type ScannedCall, scanJson } from '@hero/json';
import { type Methods, refuseKeys } from './methods.js';
import { type RpcError, rpcErrorOf, rpcFault } from './rpc-error.js';

const BATCH_LIMIT = 50;
/** Bytes of a call beside its parameters: its braces, version, id and name. */
const ENVELOPE = 4 * 1024;
/** The largest body: one call of a method that takes sources or payloads. */
export const BODY_LIMIT = 2 * PAYLOAD_LIMIT + 64 * 1024 + ENVELOPE;
const REPLIES_LIMIT = 4 * PAYLOAD_LIMIT;
const MEMBERS = new Set(['jsonrpc', 'id', 'method', 'params']);

type Id = string | number | null;
interface Call {
  /** Undefined for a notification. */
  id?: Id;
  method: string;
  params: unknown;
}

/** What the scan found in a call. */
type Given = Partial<ScannedCall> & { texts: Record<string, string> };

export class JsonRpc {
  constructor(
    private readonly methods: Methods,
    private readonly log: Log,
    private readonly repliesLimit = REPLIES_LIMIT,
  ) {}

  /** Returns the text of the reply; undefined if the body has only notifications. */
  async answer(body: Buffer, signal: AbortSignal): Promise<string | undefined> {
    const scan = scanJson(body);
    const refused = this.refusal(scan);
    if (refused) return refused;
    if (!isUtf8(body)) return failure(null, rpcFault('PARSE_ERROR', 'The body is not UTF-8.'));
    const kept = keptIn(body, scan, (method) => this.methods.find(method));
    let value: unknown;
    try {
      value = JSON.parse(kept.rest);
      for (const text of kept.texts.flatMap((texts) => Object.values(texts)))
        if (text.length <= SHORT) JSON.parse(text);
    } catch {
      return failure(null, rpcFault('PARSE_ERROR', 'The body is not JSON.'));
    }
    const given = (index: number): Given => ({ ...scan.calls[index], texts: kept.texts[index] ?? {} });
    if (!Array.isArray(value)) return this.one(value, given(0), signal);
    if (value.length === 0) return failure(null, invalid('A batch has at least one call.'));
    if (value.length > BATCH_LIMIT) return failure(null, invalid(`A batch has at most ${BATCH_LIMIT} calls.`));
    return this.batch(value, given, signal);
  }

  /** Rule 3: when the replies are too large together, the calls that still run are aborted. */
  private async batch(
    calls: readonly unknown[],
    given: (index: number) => Given,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const full = new AbortController();
    const either = AbortSignal.any([signal, full.signal]);
    setMaxListeners(0, either); // every call of the batch listens to this signal
    let bytes = 0;
    const replies = await Promise.all(
      calls.map(async (call, index) => {
        const reply = await this.one(call, given(index), either);
        if (reply === undefined) return undefined;
        bytes += reply.length;
        if (bytes <= this.repliesLimit && !full.signal.aborted) return reply;
        full.abort();
        return failure(callOf(call).id ?? null, rpcErrorOf(REPLIES_TOO_LARGE, this.log, 'batch'));
      }),
    );
    const told = replies.filter((reply) => reply !== undefined);
    return told.length === 0 ? undefined : `[${told.join(',')}]`;
  }

  /** Why the body is refused before it is parsed. */
  private refusal(scan: Scan): string | undefined {
    if (scan.tooDeep) return failure(null, invalid('The body is nested deeper than 64 levels.'));
    if (scan.calls.length > BATCH_LIMIT) return failure(null, invalid(`A batch has at most ${BATCH_LIMIT} calls.`));
    for (const call of scan.calls) {
      const limit = (this.methods.find(call.method)?.maxBytes ?? MIB) + ENVELOPE;
      if (call.bytes <= limit) continue;
      const id = !scan.batch && isId(call.id) ? (call.id ?? null) : null;
      return failure(id, rpcErrorOf(tooLarge(call.bytes, limit), this.log, String(call.method)));
    }
    return undefined;
  }

  private async one(value: unknown, scanned: Given, signal: AbortSignal): Promise<string | undefined> {
    const call = callOf(value);
    if ('fault' in call) return failure(call.id, invalid(call.fault));
    const { id, method, params } = call;
    const reply = await this.reply(method, params, scanned, signal);
    return id === undefined ? undefined : withId(id, reply);
  }

  private async reply(
    method: string,
    params: unknown,
    scanned: Given,
    signal: AbortSignal,
  ): Promise<{ result: unknown } | { error: RpcError }> {
    const contract = this.methods.find(method);
    if (!contract) {
      return { error: rpcFault('METHOD_NOT_FOUND', `There is no method ${method.slice(0, 100)}; see rpc.discover.`) };
    }
    try {
      return { result: (await this.call(contract, params, scanned, signal)) ?? null };
    } catch (cause) {
      return { error: rpcErrorOf(cause, this.log, method) };
    }
  }

  private async call(contract: Contract, params: unknown, scanned: Given, signal: AbortSignal): Promise<unknown> {
    if (Array.isArray(params)) {
      const issues = [{ path: '', message: 'must be an object, not a list' }];
      throw new HeroError('INVALID_PARAMS', 'Pass the parameters by name.', { issues });
    }
    const texts = Object.entries(scanned.texts).filter(([name]) => Object.hasOwn(params as object, name));
    const raw = Object.fromEntries(texts.map(([name, text]) => [name, new RawJson(text)]));
    if (scanned.refusedKey) refuseKeys({ ...(params as object), ...parsed(raw) });
    return this.methods.call(contract, { ...(params as object), ...raw }, signal);
  }
}

/** Up to this size the gateway checks that a text is JSON; larger ones are checked by the service that answers. */
const SHORT = 64 * 1024;

/**
 * Cuts the values that the runtime only carries out of the body, by call, and puts null in their place. They are forwarded as
 * the text that arrived, so that keys keep their order and large values cost no time here.
 */
function keptIn(body: Buffer, { calls }: Scan, find: (method: unknown) => Contract | undefined) {
  const rest: string[] = [];
  let from = 0;
  const texts = calls.map(({ method, params }) => {
    const own: Record<string, string> = {};
    const names = new Set(keptOf(find(method)?.params));
    for (const [name, [begin, end]] of params) {
      if (!names.has(name)) continue;
      own[name] = body.toString('utf8', begin, end).trim();
      rest.push(body.toString('utf8', from, begin), 'null');
      from = end;
    }
    return own;
  });
  return { texts, rest: rest.join('') + body.toString('utf8', from) };
}

/** Finds the path of a refused key, for the error; only called if the scan found one. */
function parsed(raw: Record<string, RawJson>): object {
  try {
    return Object.fromEntries(Object.entries(raw).map(([name, text]) => [name, text.parse()]));
  } catch {
    throw new HeroError('INVALID_PARAMS', 'The parameters are not JSON.');
  }
}

const isId = (id: unknown): id is Id | undefined =>
  id === undefined || id === null || typeof id === 'string' || typeof id === 'number';

function callOf(value: unknown): Call | { fault: string; id: Id } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { fault: 'A call is an object: {"jsonrpc": "2.0", "id": 1, "method": …, "params": {…}}.', id: null };
  }
  const { jsonrpc, id, method, params = {} } = value as Record<string, unknown>;
  if (!isId(id)) return { fault: 'An id is a string, a number or null.', id: null };
  const strange = Object.keys(value).find((member) => !MEMBERS.has(member));
  const known = id ?? null;
  if (strange !== undefined) return { fault: `A call has no member "${strange.slice(0, 100)}".`, id: known };
  if (jsonrpc !== '2.0') return { fault: '"jsonrpc" must be "2.0".', id: known };
  if (typeof method !== 'string') return { fault: '"method" must be a string.', id: known };
  if (typeof params !== 'object' || params === null) return { fault: '"params" must be an object.', id: known };
  return { id, method, params };
}

const invalid = (message: string): RpcError => rpcFault('INVALID_REQUEST', message);
const withId = (id: Id, reply: object): string => stringify({ jsonrpc: '2.0', id, ...reply });
export const failure = (id: Id, error: RpcError): string => withId(id, { error });

function tooLarge(bytes: number, limit: number): HeroError {
  return new HeroError(
    'PAYLOAD_TOO_LARGE',
    `The call has more than ${limit} bytes; pass large data as a file's path.`,
    {
      details: { bytes, limit },
    },
  );
}

const REPLIES_TOO_LARGE = new HeroError(
  'PAYLOAD_TOO_LARGE',
  'The replies of this batch are too large in total; split the batch.',
);
