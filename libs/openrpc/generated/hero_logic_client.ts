/**
 * Client of Hero Logic 0.1.0. Generated from its OpenRPC document (libs/contracts); do not edit:
 * `npm run generate` in the repository, or `hero_logic client`, writes it anew. Licence: Apache-2.0.
 */
/** A call that failed. `retry` says whether the same call can succeed later; `issues` has every fault of the parameters. */
export class HeroError extends Error {
  readonly code: string;
  readonly retry: boolean;
  readonly issues: { path: string; message: string }[];
  readonly details: Record<string, unknown>;

  constructor(data: Partial<ErrorFields> & { code: string }, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HeroError';
    this.code = data.code;
    this.retry = data.retry ?? false;
    this.issues = data.issues ?? [];
    this.details = data.details ?? {};
  }
}

interface ErrorFields {
  code: string;
  retry: boolean;
  issues: { path: string; message: string }[];
  details: Record<string, unknown>;
}

export interface CallOptions {
  /** Milliseconds for the whole call; default: the client's own. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Replaces a value that is too large for a reply. */
interface Reference {
  $size: number;
  $ref: string;
}
const isReference = (value: unknown): value is Reference =>
  typeof value === 'object' && value !== null && '$size' in value && '$ref' in value;

/** How requests reach a gateway. */
export interface Transport {
  post(body: string, signal: AbortSignal): Promise<{ status: number; text: string }>;
  /** GET as a stream. It must end or fail when the signal aborts. */
  stream(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<StreamReply>;
  close?(): void;
}

export interface StreamReply {
  status: number;
  chunks: AsyncIterable<Uint8Array>;
}

interface HttpOptions {
  /** `http://host:port`; empty in a page that the gateway itself has served. */
  url: string;
  token?: string;
  /** Called before each request, e.g. for the CSRF header of a browser session. */
  headers?: () => Record<string, string>;
}

/** HTTP by fetch: for browsers and Node. */
export function httpTransport({ url, token, headers }: HttpOptions): Transport {
  const common = () => ({ ...(token && { authorization: `Bearer ${token}` }), ...headers?.() });
  return {
    async post(body, signal) {
      const method = 'POST';
      const typed = { ...common(), 'content-type': 'application/json' };
      const response = await fetch(`${url}/rpc`, { method, body, headers: typed, signal });
      return { status: response.status, text: await response.text() };
    },
    async stream(path, extra, signal) {
      const response = await fetch(url + path, { headers: { ...common(), ...extra }, signal });
      return { status: response.status, chunks: readAll(response.body) };
    },
  };
}

async function* readAll(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  if (!reader) return;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The part of node:http that requests over a unix socket need; browsers never load it. */
interface NodeHttp {
  Agent: new (options: { keepAlive: boolean }) => { destroy(): void };
  request(options: Record<string, unknown>, onReply: (reply: NodeReply) => void): NodeRequest;
}
interface NodeReply extends AsyncIterable<Uint8Array> {
  statusCode?: number;
}
interface NodeRequest {
  on(event: 'error', listener: (error: Error) => void): void;
  end(body?: string): void;
}

/** HTTP/1.1 over the gateway's unix socket (`$HERO_HOME/var/sockets/hero_logic/rpc.sock`): Node only, no token. */
export function unixTransport(socketPath: string): Transport {
  const name = 'node:http';
  const loaded: Promise<NodeHttp> = import(/* @vite-ignore */ name);
  const agent = loaded.then((http) => new http.Agent({ keepAlive: true }));
  const send = async (options: Record<string, unknown>, body?: string): Promise<NodeReply> => {
    const [http, keepAlive] = [await loaded, await agent];
    return new Promise((resolve, reject) => {
      const request = http.request({ agent: keepAlive, ...options, socketPath, host: 'localhost' }, resolve);
      request.on('error', reject);
      request.end(body);
    });
  };
  return {
    async post(body, signal) {
      const bytes = new TextEncoder().encode(body).length;
      const headers = { 'content-type': 'application/json', 'content-length': bytes };
      const reply = await send({ method: 'POST', path: '/rpc', headers, signal }, body);
      const decoder = new TextDecoder();
      let text = '';
      for await (const chunk of reply) text += decoder.decode(chunk, { stream: true });
      return { status: reply.statusCode ?? 0, text: text + decoder.decode() };
    },
    async stream(path, headers, signal) {
      const reply = await send({ method: 'GET', path, headers, signal, agent: false });
      return { status: reply.statusCode ?? 0, chunks: reply };
    },
    close: () => void agent.then((keepAlive) => keepAlive.destroy()),
  };
}

const BATCH = 50;
const WAIT_SLICE_MS = 30_000;
const OUTAGE_MS = 60_000;
const SILENCE_MS = 45_000;
const RETRY_MS = 250;

interface Reply {
  id?: unknown;
  result?: unknown;
  error?: { code: number | string; message: string; retry?: boolean; data?: Partial<ErrorFields> };
}

function errorOf({ code, message, retry, data }: NonNullable<Reply['error']>): HeroError {
  const word = typeof code === 'string' ? code : 'INTERNAL';
  return new HeroError({ retry, ...data, code: data?.code ?? word }, message);
}

function refusal(status: number, text: string): HeroError {
  try {
    const { error } = JSON.parse(text) as Reply;
    if (error) return errorOf(error);
  } catch {
    // The body is not from the gateway (a proxy answered): only the status is known.
  }
  const data = { code: 'UNAVAILABLE', retry: status >= 500 };
  return new HeroError(data, `The gateway answered with HTTP status ${status}.`);
}

const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });

export interface ServerSent {
  event: string;
  id?: number;
  data: unknown;
}

/** The base of the generated client: calls, batches, waits and server-sent events. */
export class HeroCaller {
  private nextId = 1;
  private closed = false;
  private readonly underWay = new Set<AbortController>();

  constructor(
    private readonly transport: Transport,
    private readonly options: { timeoutMs?: number } = {},
  ) {}

  /** Calls a method by its wire name. */
  async call(method: string, params: object = {}, options: CallOptions = {}): Promise<unknown> {
    const reply = (await this.post(this.request(method, params), options)) as Reply;
    if (reply.error) throw errorOf(reply.error);
    return reply.result;
  }

  /** Calls many methods, 50 in one request. Returns the results in order, with a HeroError for each call that failed. */
  async batch(
    calls: readonly (readonly [method: string, params?: object])[],
    options: CallOptions = {},
  ): Promise<unknown[]> {
    const results: unknown[] = [];
    for (let start = 0; start < calls.length; start += BATCH) {
      const requests = calls.slice(start, start + BATCH).map(([method, params]) => this.request(method, params ?? {}));
      const replies = (await this.post(requests, options)) as Reply[] | Reply;
      if (!Array.isArray(replies))
        throw errorOf(replies.error ?? { code: -32603, message: 'No replies to this batch.' });
      const byId = new Map(replies.map((reply) => [reply.id, reply]));
      for (const { id } of requests) {
        const { result, error } = byId.get(id) ?? { error: { code: -32603, message: 'No reply to this call.' } };
        results.push(error ? errorOf(error) : result);
      }
    }
    return results;
  }

  /** Closes the client and its connections: pending calls fail with UNAVAILABLE, streams end. */
  close(): void {
    this.closed = true;
    for (const call of this.underWay) call.abort();
    this.transport.close?.();
  }

  /** The full value of a play or a span: fetched if the reply has {"$size", "$ref"} in its place. */
  async whole<T>(play_sid: string, value: T | Reference, options: CallOptions = {}): Promise<T> {
    if (!isReference(value)) return value;
    return (await this.call('play_payload', { play_sid, ref: value.$ref }, options)) as T;
  }

  protected async withWhole(asked: Promise<unknown>, field: string, options?: CallOptions): Promise<unknown> {
    const play = (await asked) as { sid: string; [field: string]: unknown };
    play[field] = await this.whole(play.sid, play[field], options);
    return play;
  }

  /** Waits in slices, so that a long wait survives proxies and a restart of the gateway. */
  protected async wait(method: string, params: object, limit: string, options: CallOptions = {}): Promise<unknown> {
    const wanted = Number((params as Record<string, unknown>)[limit] ?? 0);
    const end = wanted > 0 ? performance.now() + wanted : Number.POSITIVE_INFINITY;
    let outage: number | undefined;
    for (;;) {
      const sliceMs = Math.max(1, Math.round(Math.min(end - performance.now(), WAIT_SLICE_MS)));
      const started = performance.now();
      try {
        const timeoutMs = sliceMs + this.timeoutMs(options);
        const result = await this.call(method, { ...params, [limit]: sliceMs }, { ...options, timeoutMs });
        // A reply before the end of its slice ends the wait.
        if (performance.now() - started < sliceMs || performance.now() >= end) return result;
        outage = undefined;
      } catch (error) {
        const now = performance.now();
        outage ??= now;
        const away = error instanceof HeroError && (error.code === 'UNAVAILABLE' || error.code === 'TIMEOUT');
        if (!away || this.closed || options.signal?.aborted || now >= end || now - outage > OUTAGE_MS) throw error;
        await sleep(RETRY_MS, options.signal);
      }
    }
  }

  /** Server-sent events, until the event `until` or the signal. After a lost connection it continues where it stopped. */
  protected async *sent(
    path: string,
    options: { after?: number; until?: string; signal?: AbortSignal },
  ): AsyncGenerator<ServerSent> {
    let last = options.after;
    let outage: number | undefined;
    if (this.closed) throw clientClosed();
    while (!this.closed && !options.signal?.aborted) {
      try {
        for await (const message of this.stream(path, last, options.signal)) {
          outage = undefined;
          last = message.id ?? last;
          yield message;
          if (message.event === options.until) return;
        }
      } catch (error) {
        if (this.closed || options.signal?.aborted) return;
        outage ??= performance.now();
        if (!(error instanceof HeroError) || !error.retry || performance.now() - outage > OUTAGE_MS) throw error;
      }
      await sleep(RETRY_MS, options.signal).catch(() => undefined);
    }
  }

  private async *stream(path: string, last: number | undefined, signal?: AbortSignal): AsyncGenerator<ServerSent> {
    const silence = this.begin();
    const heard = (): ReturnType<typeof setTimeout> => setTimeout(() => silence.abort(), SILENCE_MS);
    let timer = heard();
    const headers = { accept: 'text/event-stream', ...(last !== undefined && { 'last-event-id': String(last) }) };
    try {
      const reply = await this.transport.stream(path, headers, both(silence.signal, signal));
      const decoder = new TextDecoder();
      let text = '';
      for await (const chunk of reply.chunks) {
        clearTimeout(timer);
        timer = heard();
        text += decoder.decode(chunk, { stream: true });
        if (reply.status !== 200) continue;
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) yield* parseBlock(block);
      }
      if (reply.status !== 200) throw refusal(reply.status, text);
    } catch (cause) {
      throw cause instanceof HeroError ? cause : unreachable(cause);
    } finally {
      clearTimeout(timer);
      silence.abort();
      this.underWay.delete(silence);
    }
  }

  /** Registers a call: closing the client aborts it until it is removed from `underWay`. */
  private begin(): AbortController {
    if (this.closed) throw clientClosed();
    const call = new AbortController();
    this.underWay.add(call);
    return call;
  }

  private request(method: string, params: object): { jsonrpc: '2.0'; id: number; method: string; params: object } {
    return { jsonrpc: '2.0', id: this.nextId++, method, params };
  }

  private timeoutMs(options: CallOptions): number {
    return options.timeoutMs ?? this.options.timeoutMs ?? 60_000;
  }

  private async post(request: object, options: CallOptions): Promise<unknown> {
    const timeoutMs = this.timeoutMs(options);
    const limit = AbortSignal.timeout(timeoutMs);
    const call = this.begin();
    try {
      const signal = both(AbortSignal.any([limit, call.signal]), options.signal);
      const { status, text } = await this.transport.post(JSON.stringify(request), signal);
      if (status >= 300) throw refusal(status, text);
      return JSON.parse(text);
    } catch (cause) {
      if (cause instanceof HeroError) throw cause;
      if (options.signal?.aborted) throw options.signal.reason;
      if (this.closed) throw clientClosed(cause);
      if (limit.aborted)
        throw new HeroError({ code: 'TIMEOUT', retry: true }, `No answer within ${timeoutMs} ms.`, cause);
      throw unreachable(cause);
    } finally {
      this.underWay.delete(call);
    }
  }
}

const both = (own: AbortSignal, given?: AbortSignal): AbortSignal => (given ? AbortSignal.any([own, given]) : own);

function unreachable(cause: unknown): HeroError {
  const deeper = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const why = deeper instanceof Error ? deeper.message : String(deeper);
  return new HeroError({ code: 'UNAVAILABLE', retry: true }, `The gateway is not reachable (${why}).`, cause);
}

const clientClosed = (cause?: unknown): HeroError =>
  new HeroError({ code: 'UNAVAILABLE' }, 'This client was closed; make a new one.', cause);

function* parseBlock(block: string): Generator<ServerSent> {
  let event = 'message';
  let id: number | undefined;
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const value = line.slice(colon + 1).replace(/^ /, '');
    if (line.startsWith('event:')) event = value;
    else if (line.startsWith('id:')) id = Number(value);
    else if (line.startsWith('data:')) data.push(value);
  }
  if (data.length > 0) yield { event, id, data: JSON.parse(data.join('\n')) };
}


export interface FollowSnapshot {
  kind: 'snapshot' | 'resync';
  play: Play;
  /** The spans, in the order in which they were first reported. */
  spans: Span[];
  seq: number;
  state: HistoryState;
}
export type Follow = FollowSnapshot | { kind: 'event'; event: PlayEvent } | { kind: 'end'; play: Play };
export type Change = { kind: 'play' | 'workflow'; sid: string; [fact: string]: Json } | { kind: 'resync' };

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type PlayStatus = 'pending' | 'running' | 'awaiting_resume' | 'success' | 'failed' | 'cancelled' | 'timed_out';

export interface ValueRef {
  /** Bytes of its JSON text. */
  $size: number;
  $ref: string;
}

export type JsonObject = { [key: string]: Json };

export interface PlayError {
  /** Class of the Python exception, or the runtime’s name for how the process ended. */
  type: string;
  message: string;
  traceback: string;
  span_id: string | null;
}

export interface ResumeRequest {
  id: string;
  play_sid: string;
  name: string;
  /** JSON Schema of the answer; null accepts any JSON. */
  schema: ValueRef | JsonObject | null;
  /** The form for a person: {kind, label, …}; null where no person is asked. */
  ui: ValueRef | JsonObject | null;
  asked_at_span_id: string;
  asked_at: string;
  expires_at: string | null;
  payload: ValueRef | Json | null;
  resumed_at: string | null;
  /** `interactive`, `prefill`, `early` or `timeout`. */
  resumed_by: string | null;
}

export interface PlayWait {
  kind: 'child' | 'timer';
  name: string;
  span_id: string;
  child_play_sid: string | null;
  due_at: string | null;
}

export interface ForkedStepsItem {
  name: string;
  kept: boolean;
  reason: string;
}

export interface Forked {
  play_sid: string;
  /** The span before which it was forked; null: it inherited everything that was committed. */
  span_id: string | null;
  version_sid: string;
  /** Number of outcomes and answers that were kept. */
  kept: number;
  /** Number of outcomes and answers that were not kept. */
  left: number;
  /** The first 200 outcomes and answers, in the order of their commits, and why each was kept or not. */
  steps: ForkedStepsItem[];
}

export interface SandboxReport {
  level: 'off' | 'default' | 'strict';
  enforced: string[];
  missing: string[];
}

export type SpanKind = 'flow_root' | 'step' | 'rpc' | 'subflow' | 'other';

export type SpanStatus = 'running' | 'success' | 'failed' | 'replayed' | 'paused' | 'cancelled';

export interface SpanLogsItem {
  at: string;
  text: string;
  attempt: number;
}

export interface SpanError {
  type: string;
  message: string;
  traceback?: string;
}

export interface Span {
  id: string;
  parent_id: string | null;
  play_sid: string;
  name: string;
  kind: SpanKind;
  status: SpanStatus;
  /** The newest attempt that reported this span. */
  attempt: number;
  /** Number of the event that first reported this span; siblings are shown in this order. */
  first_seq: number;
  /** The attempt whose start, tags and logs are shown; null: no start was reported. */
  started_in: number | null;
  /** The attempt whose end is shown; null: no end was reported. */
  ended_in: number | null;
  /** The play did not report the end of this span; it was concluded from the status of the play. */
  closed: boolean;
  started_at: string;
  ended_at: string | null;
  duration_ms: number | null;
  tags: JsonObject;
  logs: SpanLogsItem[];
  error: SpanError | null;
  source_file: string | null;
  source_line: number | null;
  cost_usd: number;
  usage: JsonObject | null;
  step_key?: string;
  child_play_sid?: string;
  /** A value of more than 64 KiB, or beyond 512 KiB of one reply, is a ValueRef. */
  output?: ValueRef | Json;
  /** The output is left out: it has more than 256 KiB or could not be read. */
  output_omitted?: true;
}

export interface PlayStepOutputsItem {
  step_key: string;
  name: string;
  kind: 'value' | 'error';
  /** A value of more than 64 KiB, or beyond 512 KiB of one reply, is a ValueRef. */
  output: ValueRef | Json;
}

export interface Log {
  at: string;
  text: string;
  span_id: string | null;
  stream: 'log' | 'stdout' | 'stderr';
}

export interface Play {
  sid: string;
  name: string;
  workflow_sid: string;
  workflow_name: string;
  version_sid: string;
  version_number: number;
  /** The workflow’s current version: differs from `version_sid` after a newer version was saved; null if the workflow was deleted. */
  current_version_sid: string | null;
  status: PlayStatus;
  /** A value of more than 64 KiB, or beyond 512 KiB of one reply, is a ValueRef. */
  input_data: ValueRef | JsonObject;
  output_data: ValueRef | Json | null;
  error: PlayError | null;
  /** The oldest 500 open questions (20 in lists); play_pending_resumes returns all of them in pages. */
  pending_resumes: ResumeRequest[];
  /** Answers by id of the question; the newest 500 (20 in lists). */
  received_resumes: { [key: string]: ValueRef | Json };
  prefill_only: boolean;
  total_cost_usd: number;
  attempt: number;
  /** Open waits for children and timers; the oldest 500 (20 in lists). */
  waits: PlayWait[];
  forked_from: Forked | null;
  /** The first difference from what was remembered; null: none. */
  diverged: JsonObject | null;
  parent_play_sid: string | null;
  parent_span_id: string | null;
  sandbox: SandboxReport | null;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  /** From the start to the end (or now), waits included, in milliseconds. */
  duration_ms: number | null;
  spans?: Span[];
  step_outputs?: PlayStepOutputsItem[];
  logs?: Log[];
}

export interface PlayEventSpanStarted {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'span_started';
  at: string;
  span_id: string;
  parent_id: string | null;
  name: string;
  kind: SpanKind;
  place: string;
  tags: JsonObject;
  source_file: string | null;
  source_line: number | null;
}

export interface PlayEventSpanEnded {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'span_ended';
  at: string;
  span_id: string;
  status: 'success' | 'failed' | 'replayed' | 'paused' | 'cancelled';
  /** Null for a replayed span, which keeps its times. */
  duration_ms: number | null;
  /** A value of more than 64 KiB, or beyond 512 KiB of one reply, is a ValueRef. */
  output?: ValueRef | Json;
  /** The output is left out: it has more than 256 KiB or could not be read. */
  output_omitted?: true;
  error?: SpanError;
  cost_usd?: number;
  usage?: JsonObject;
  step_key?: string;
  child_play_sid?: string;
}

export interface PlayEventSpanTagged {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'span_tagged';
  at: string;
  span_id: string;
  tags: JsonObject;
}

export interface PlayEventLog {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'log';
  at: string;
  span_id: string | null;
  text: string;
  stream: 'log' | 'stdout' | 'stderr';
}

export interface PlayEventDropped {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'dropped';
  at: string;
  count: number;
  reason: string;
}

export interface PlayEventAttemptStarted {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'attempt_started';
  at: string;
  executor: string;
  sandbox: JsonObject;
}

export interface PlayEventStepCommitted {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'step_committed';
  at: string;
  span_id: string;
  step_key: string;
}

export interface PlayEventPaused {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'paused';
  at: string;
  resume_ids: string[];
}

export interface PlayEventAsked {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'asked';
  at: string;
  resume_ids: string[];
}

export interface PlayEventAnswered {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'answered';
  at: string;
  resume_id: string;
  resumed_by: string;
}

export interface PlayEventChildStarted {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'child_started';
  at: string;
  span_id: string;
  child_play_sid: string;
}

export interface PlayEventDiverged {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'diverged';
  at: string;
  difference: JsonObject;
}

export interface PlayEventStatus {
  play_sid: string;
  seq: number;
  attempt: number;
  type: 'status';
  at: string;
  status: string;
}

export type PlayEvent = PlayEventSpanStarted | PlayEventSpanEnded | PlayEventSpanTagged | PlayEventLog | PlayEventDropped | PlayEventAttemptStarted | PlayEventStepCommitted | PlayEventPaused | PlayEventAsked | PlayEventAnswered | PlayEventChildStarted | PlayEventDiverged | PlayEventStatus;

export interface FlowField {
  name: string;
  field_type: 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'array' | 'any';
  required: boolean;
  default?: Json;
  description?: string;
  enum?: Json[];
  /** JSON Schema that the value must also satisfy. */
  schema?: JsonObject;
}

export interface LibraryHitWhyItem {
  field: string;
  words: string[];
}

export interface LibraryHit {
  workflow_sid: string;
  version_sid: string;
  name: string;
  description: string;
  inputs: FlowField[];
  outputs: FlowField[];
  tags: string[];
  score: number;
  /** The fields in which words of the query were found. */
  matched: string[];
  /** Fields with the words that matched there; field `meaning`, without words: the meaning is close. */
  why: LibraryHitWhyItem[];
  /** Little of the query was found: this is probably not what was asked for. */
  weak: boolean;
  /** words: by words alone; hybrid: by words and by meaning (an embedding model). */
  mode: 'words' | 'hybrid';
  /** Why the search has this mode. */
  mode_reason: string;
}

export interface Workflow {
  sid: string;
  name: string;
  description: string;
  tags: string[];
  /** Inputs of the current version. */
  inputs: FlowField[];
  /** Outputs of the current version. */
  outputs: FlowField[];
  current_version_sid: string;
  current_version_number: number;
  created_at: string;
  updated_at: string;
}

export interface WorkflowVersionPackagesItem {
  /** For example `cpython-3.11-linux-x86_64`. */
  target: string;
  /** Every package that is installed, as `name==version`; null: not resolved. */
  resolved: string[] | null;
  resolved_at: string | null;
  /** Why they could not be installed the last time that this was tried. */
  error: string | null;
}

export interface WorkflowVersion {
  sid: string;
  workflow_sid: string;
  number: number;
  python_source: string;
  /** Name of the Python function that a play calls. */
  entry: string;
  inputs: FlowField[];
  outputs: FlowField[];
  requirements: string[];
  /** By target; empty until a play first needs them. */
  packages: WorkflowVersionPackagesItem[];
  source_sha256: string;
  notes: string;
  created_at: string;
}

export interface Ok {
  ok: true;
}

export interface DeclaredFlow {
  name: string;
  function: string;
  line: number;
  is_async: boolean;
  /** Hash of the function’s source text: a fork keeps the steps of functions that did not change. */
  source_sha256: string;
  /** The beginning of the function’s docstring. */
  docstring?: string;
}

export interface SourceIssue {
  line: number;
  column: number;
  message: string;
  severity: 'error' | 'warning';
}

export interface Inspection {
  entry: string | null;
  name: string;
  description: string;
  tags: string[];
  inputs: FlowField[];
  outputs: FlowField[];
  flows: DeclaredFlow[];
  requirements: string[];
  options: JsonObject;
  issues: SourceIssue[];
}

export interface WorkflowListResult {
  items: Workflow[];
  next_cursor: string | null;
}

export interface WorkflowVersionListResult {
  items: WorkflowVersion[];
  next_cursor: string | null;
}

export interface PlayHookResult {
  token: string;
  path: string;
  expires_at: string;
}

export interface PlayListResult {
  items: Play[];
  next_cursor: string | null;
}

export interface PlayResumeResult {
  ok: true;
  resumed_at: string;
  /** The play has not asked this question yet; the answer is kept for it. */
  kept: boolean;
}

export interface PlayEventsResult {
  items: PlayEvent[];
  seq: number;
}

export interface HistoryState {
  attempt: number;
  /** The final status of the play, or null. */
  final: string | null;
  final_at: string | null;
}

export interface PlaySpansResult {
  spans: Span[];
  /** The newest event that these spans reflect. */
  seq: number;
  state: HistoryState;
}

export interface SearchState {
  /** words: by words alone; hybrid: by words and by meaning (an embedding model). */
  mode: 'words' | 'hybrid';
  /** Why the search has this mode. */
  reason: string;
  /** Flows in the index. */
  flows: number;
  /** Flows whose meaning is known. */
  embedded: number;
}

export interface ServiceInfo {
  name: string;
  instance: string;
  host: string;
  pid: number;
  version: string;
  build_nr: string;
  started_at: string;
  healthy: boolean;
  slots?: number;
  busy?: number;
  /** Only of library-search. */
  search?: SearchState;
  /** Only of executors: the level that is really enforced on their plays. */
  sandbox?: string;
}

export interface SystemStatusNats {
  url: string;
  version: string;
  embedded: boolean;
  pid?: number;
}

export interface SystemStatusPostgres {
  /** Null: the registry does not answer. */
  version: string | null;
  embedded: boolean;
  pid?: number;
}

export interface SystemStatusQueue {
  pending: number;
  running: number;
  awaiting_resume: number;
}

export interface SystemStatus {
  services: ServiceInfo[];
  nats: SystemStatusNats;
  postgres: SystemStatusPostgres;
  /** The weakest level that an executor really enforces; without executors, the setting. */
  sandbox: string;
  /** How the library is searched. Null: library-search does not answer. */
  search: SearchState | null;
  /** Plays by state. Null: the registry does not answer. */
  queue: SystemStatusQueue | null;
}

export interface FlowLibrarySearchParams {
  query: string;
  limit?: number;
  /** Only workflows that have all of these tags. */
  tags?: string[];
}

export interface WorkflowCreateParams {
  name: string;
  /** Python source with an `@flow` function. */
  python_source: string;
  /** Default: what the entry flow declares. */
  description?: string;
  /** Default: what the entry flow declares. */
  tags?: string[];
  /** Notes of the first version. */
  notes?: string;
}

export interface WorkflowCreateVersionParams {
  workflow_sid: string;
  /** Python source with an `@flow` function. */
  python_source: string;
  notes?: string;
  set_current?: boolean;
}

export interface WorkflowDeleteParams {
  workflow_sid: string;
  force?: boolean;
}

export interface WorkflowGetParams {
  workflow_sid?: string;
  name?: string;
}

export interface WorkflowInspectParams {
  /** Python source with an `@flow` function. */
  python_source: string;
}

export interface WorkflowListParams {
  tag?: string;
  /** Page size, 1 to 500. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
}

export interface WorkflowSetCurrentVersionParams {
  workflow_sid: string;
  version_sid: string;
}

export interface WorkflowUpdateParams {
  workflow_sid: string;
  name?: string;
  description?: string;
  tags?: string[];
}

export interface WorkflowVersionFetchParams {
  version_sid: string;
}

export interface WorkflowVersionListParams {
  workflow_sid: string;
  /** Page size, 1 to 500. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
}

export interface PlayCancelParams {
  play_sid: string;
  reason?: string;
}

export interface PlayDeleteParams {
  play_sid: string;
}

export interface PlayForkParams {
  play_sid: string;
  from_span_id?: string;
  /** Default: the input of the other play. */
  input_data?: JsonObject;
  /** Default: the version of the other play. */
  version_sid?: string;
}

export interface PlayHookParams {
  play_sid: string;
  resume_id: string;
  /** The pause that the link is for. If the call that made the link has finished and no pause will have its id, the link is for the next pause of this name. */
  name?: string;
  /** Place of the call that makes the link. */
  parent_place?: string;
  /** How long the link is valid, in milliseconds; at most 366 days. */
  expires_in_ms?: number;
}

export interface PlayListParams {
  workflow_sid?: string;
  version_sid?: string;
  status?: PlayStatus | PlayStatus[];
  parent_play_sid?: string;
  /** Part of the name, the workflow name or the error; case is ignored. */
  text?: string;
  /** An object that the input must contain. */
  input?: JsonObject;
  since?: string;
  until?: string;
  /** Page size, 1 to 500. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
}

export interface PlayPayloadParams {
  play_sid: string;
  /** `$ref`, unchanged. */
  ref: string;
}

export interface PlayPendingResumesParams {
  play_sid?: string;
  limit?: number;
  /** Returns only questions that were asked after this one; pass the last of the page before. */
  after?: string;
}

export interface PlayResumeParams {
  play_sid: string;
  payload: Json;
  resume_id?: string;
  name?: string;
}

export interface PlayRetryParams {
  play_sid: string;
}

export interface PlayRunAsyncParams {
  workflow_sid?: string;
  workflow_name?: string;
  /** Default: {}. */
  input_data?: JsonObject;
  /** Default: the workflow’s name. */
  name?: string;
  /** Default: the current version. */
  version_sid?: string;
  /** Answers by question name or glob; a list is a sequence of answers. An exact name goes before a glob. */
  prefill_resumes?: JsonObject;
  /** The same key returns the same play. */
  idempotency_key?: string;
  /** Limit of the play’s own running time, waits excluded. */
  timeout_ms?: number;
  parent_span_id?: string;
  parent_play_sid?: string;
}

export interface PlayStartParams {
  workflow_sid?: string;
  workflow_name?: string;
  /** Default: {}. */
  input_data?: JsonObject;
  /** Default: the workflow’s name. */
  name?: string;
  /** Default: the current version. */
  version_sid?: string;
  /** Answers by question name or glob; a list is a sequence of answers. An exact name goes before a glob. */
  prefill_resumes?: JsonObject;
  /** The same key returns the same play. */
  idempotency_key?: string;
  /** Limit of the play’s own running time, waits excluded. */
  timeout_ms?: number;
}

export interface PlayStatusParams {
  play_sid: string;
  /** `spans` and `logs` are joined from span-ingest by the gateway. */
  include?: ('spans' | 'step_outputs' | 'logs')[];
}

export interface PlayWaitParams {
  play_sid: string;
  timeout_ms?: number;
  until?: 'final' | 'settled';
}

export interface PlayEventsParams {
  play_sid: string;
  /** Only what changed after this number. */
  after_seq?: number;
  limit?: number;
  /** Approximate limit of the bytes of events in a page; a page has at least one batch. */
  max_bytes?: number;
}

export interface PlaySpansParams {
  play_sid: string;
  /** Only what changed after this number. */
  after_seq?: number;
  limit?: number;
}

export interface SpanPushParams {
  play_sid: string;
  event: JsonObject;
}



/** A gateway of Hero Logic 0.1.0: a method per service method. */
export class HeroClient extends HeroCaller {
  /**
   * Searches the library, best match first. An empty query returns nothing.
   * Each hit says why it matched, and `weak` marks those that are probably not meant.
   * @throws HeroError INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async flow_library_search(params: FlowLibrarySearchParams, options?: CallOptions): Promise<LibraryHit[]> {
    return (await this.call('flow_library_search', params, options)) as LibraryHit[];
  }

  /**
   * Saves a source as a new workflow; its first version is current.
   * The source is parsed, never run. Faults come back with line and column in `data.issues`.
   * @throws HeroError CONFLICT, SOURCE_INVALID, UNAVAILABLE, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, INTERNAL
   */
  async workflow_create(params: WorkflowCreateParams, options?: CallOptions): Promise<Workflow> {
    return (await this.call('workflow_create', params, options)) as Workflow;
  }

  /**
   * Saves a source as the next version of a workflow.
   * If the source is that of the current version, that version is returned and no new one is added.
   * @throws HeroError NOT_FOUND, SOURCE_INVALID, UNAVAILABLE, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, INTERNAL
   */
  async workflow_create_version(params: WorkflowCreateVersionParams, options?: CallOptions): Promise<WorkflowVersion> {
    return (await this.call('workflow_create_version', params, options)) as WorkflowVersion;
  }

  /**
   * Deletes a workflow with its versions and plays.
   * Refused with INVALID_STATE while a play of it is not final; `force` cancels those plays first.
   * @throws HeroError NOT_FOUND, INVALID_STATE, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async workflow_delete(params: WorkflowDeleteParams, options?: CallOptions): Promise<Ok> {
    return (await this.call('workflow_delete', params, options)) as Ok;
  }

  /**
   * One workflow, by sid or by name.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async workflow_get(params: WorkflowGetParams = {}, options?: CallOptions): Promise<Workflow> {
    return (await this.call('workflow_get', params, options)) as Workflow;
  }

  /**
   * Reads the `@flow` declarations of a source by parsing, without saving or running it.
   * @throws HeroError UNAVAILABLE, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, INTERNAL
   */
  async workflow_inspect(params: WorkflowInspectParams, options?: CallOptions): Promise<Inspection> {
    return (await this.call('workflow_inspect', params, options)) as Inspection;
  }

  /**
   * Lists workflows, the most recently changed first.
   * @throws HeroError INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async workflow_list(params: WorkflowListParams = {}, options?: CallOptions): Promise<WorkflowListResult> {
    return (await this.call('workflow_list', params, options)) as WorkflowListResult;
  }

  /**
   * Makes a version the current one, which new plays run. Existing plays keep their version.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async workflow_set_current_version(params: WorkflowSetCurrentVersionParams, options?: CallOptions): Promise<Workflow> {
    return (await this.call('workflow_set_current_version', params, options)) as Workflow;
  }

  /**
   * Changes name, description or tags of a workflow.
   * @throws HeroError NOT_FOUND, CONFLICT, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async workflow_update(params: WorkflowUpdateParams, options?: CallOptions): Promise<Workflow> {
    return (await this.call('workflow_update', params, options)) as Workflow;
  }

  /**
   * One version with its source.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async workflow_version_fetch(params: WorkflowVersionFetchParams, options?: CallOptions): Promise<WorkflowVersion> {
    return (await this.call('workflow_version_fetch', params, options)) as WorkflowVersion;
  }

  /**
   * Versions of a workflow, newest first.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async workflow_version_list(params: WorkflowVersionListParams, options?: CallOptions): Promise<WorkflowVersionListResult> {
    return (await this.call('workflow_version_list', params, options)) as WorkflowVersionListResult;
  }

  /**
   * Cancels a play in any state that is not final, with its spawned children.
   * @throws HeroError NOT_FOUND, INVALID_STATE, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_cancel(params: PlayCancelParams, options?: CallOptions): Promise<Play> {
    return (await this.call('play_cancel', params, options)) as Play;
  }

  /**
   * Deletes a final play with its spans.
   * @throws HeroError NOT_FOUND, INVALID_STATE, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_delete(params: PlayDeleteParams, options?: CallOptions): Promise<Ok> {
    return (await this.call('play_delete', params, options)) as Ok;
  }

  /**
   * Starts a new play that inherits what another one had committed before a step.
   * Without `from_span_id` the new play inherits everything that was committed; with the root span it inherits nothing and starts from the beginning. On another version it keeps only the outcomes of functions whose source did not change; `forked_from` of the new play says what was kept, what was not, and why.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, INVALID_STATE, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_fork(params: PlayForkParams, options?: CallOptions): Promise<Play> {
    return (await this.call('play_fork', params, options)) as Play;
  }

  /**
   * Makes a signed link that answers one question, once, and gives no other right.
   * If the play has not asked the question yet, the answer is kept for it. `path` is `/hooks/resume/<token>` at the gateway; the body of the POST is the answer, at most 1 MiB unless the question’s schema sets a higher bound. A link that is unknown, expired or used, and an answer that does not fit, get the same 404.
   * @throws HeroError NOT_FOUND, INVALID_STATE, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_hook(params: PlayHookParams, options?: CallOptions): Promise<PlayHookResult> {
    return (await this.call('play_hook', params, options)) as PlayHookResult;
  }

  /**
   * Plays, newest first.
   * @throws HeroError INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_list(params: PlayListParams = {}, options?: CallOptions): Promise<PlayListResult> {
    return (await this.call('play_list', params, options)) as PlayListResult;
  }

  /**
   * Fetches a large value for which a reply or an event has {"$size", "$ref"}.
   * The value has at most 16 MiB. `output` and `input` are references of every play; all others are taken from a reply. A reference to a value that has changed returns its present state.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_payload(params: PlayPayloadParams, options?: CallOptions): Promise<Json> {
    return (await this.call('play_payload', params, options)) as Json;
  }

  /**
   * Open questions of one play, or of all plays; oldest first.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_pending_resumes(params: PlayPendingResumesParams = {}, options?: CallOptions): Promise<ResumeRequest[]> {
    return (await this.call('play_pending_resumes', params, options)) as ResumeRequest[];
  }

  /**
   * Answers a question of a play, by its id or its name.
   * The answer is checked against the question’s schema before the play wakes: faults are INVALID_PARAMS with issues under `payload`. By name the oldest open question is answered; if none is open and one was answered, ALREADY_RESUMED with `details.resumed_at`; else the answer is kept until the play asks that question.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, INVALID_STATE, ALREADY_RESUMED, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_resume(params: PlayResumeParams, options?: CallOptions): Promise<PlayResumeResult> {
    return (await this.call('play_resume', params, options)) as PlayResumeResult;
  }

  /**
   * Runs a failed or timed out play again: remembered values stay, the errors it ended with are dropped.
   * @throws HeroError NOT_FOUND, INVALID_STATE, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_retry(params: PlayRetryParams, options?: CallOptions): Promise<Play> {
    return (await this.call('play_retry', params, options)) as Play;
  }

  /**
   * Starts a play like play_start and returns only its sid.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, CONFLICT, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_run_async(params: PlayRunAsyncParams = {}, options?: CallOptions): Promise<string> {
    return (await this.call('play_run_async', params, options)) as string;
  }

  /**
   * Starts a play of a workflow and returns it as `pending`.
   * Inputs are checked against the version’s declaration: every fault at once in `data.issues`.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, CONFLICT, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_start(params: PlayStartParams = {}, options?: CallOptions): Promise<Play> {
    return (await this.call('play_start', params, options)) as Play;
  }

  /**
   * A play as it is now.
   * `output_data` is the full value, however large; `whole` fetches other values that the reply only refers to.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_status(params: PlayStatusParams, options?: CallOptions): Promise<Play> {
    return (await this.withWhole(this.call('play_status', params, options), 'output_data', options)) as Play;
  }

  /**
   * Waits until a play is final (or settled) and returns it; at the limit, returns it as it then is.
   * `settled` also returns when a question of the play is open, but not when it waits for children or timers. `timeout_ms` 0 means no limit. An event ends the wait; nothing is polled.
   * `output_data` is the full value, however large; `whole` fetches other values that the reply only refers to.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_wait(params: PlayWaitParams, options?: CallOptions): Promise<Play> {
    return (await this.withWhole(this.wait('play_wait', params, 'timeout_ms', options), 'output_data', options)) as Play;
  }

  /**
   * The numbered history of a play, oldest first.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_events(params: PlayEventsParams, options?: CallOptions): Promise<PlayEventsResult> {
    return (await this.call('play_events', params, options)) as PlayEventsResult;
  }

  /**
   * The span tree of a play, parents before children.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async play_spans(params: PlaySpansParams, options?: CallOptions): Promise<PlaySpansResult> {
    return (await this.call('play_spans', params, options)) as PlaySpansResult;
  }

  /**
   * Adds an event of an outside worker to a running play.
   * A malformed event is refused with all its faults. The result is true once the event is stored, false if the play has ended.
   * @throws HeroError NOT_FOUND, INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async span_push(params: SpanPushParams, options?: CallOptions): Promise<boolean> {
    return (await this.call('span_push', params, options)) as boolean;
  }

  /**
   * The OpenRPC document of this gateway.
   * @throws HeroError INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async rpc_discover(options?: CallOptions): Promise<JsonObject> {
    return (await this.call('rpc.discover', {}, options)) as JsonObject;
  }

  /**
   * Services, executors and their slots, NATS, PostgreSQL, sandbox level and queue.
   * @throws HeroError INVALID_PARAMS, PAYLOAD_TOO_LARGE, TIMEOUT, UNAVAILABLE, INTERNAL
   */
  async system_status(options?: CallOptions): Promise<SystemStatus> {
    return (await this.call('system_status', {}, options)) as SystemStatus;
  }

  /**
   * Follows a play live, until it is final: `snapshot` (again as `resync` where this reader was too slow), then each
   * `event` without a gap or a double, also when the connection is lost in between, then `end`. With `after_seq` there
   * is no snapshot: the events after that number come first.
   */
  async *follow(play_sid: string, options: { after_seq?: number; signal?: AbortSignal } = {}): AsyncGenerator<Follow> {
    const path = `/api/plays/${encodeURIComponent(play_sid)}/spans`;
    // A large snapshot comes in pages before it. Of a span in several pages the last version counts.
    const spans = new Map<string, Span>();
    for await (const { event, data } of this.sent(path, { after: options.after_seq, until: 'end', signal: options.signal })) {
      if (event === 'event') yield { kind: 'event', event: data as PlayEvent };
      else if (event === 'page') for (const span of (data as { spans: Span[] }).spans) spans.set(span.id, span);
      else if (event === 'snapshot' || event === 'resync') {
        const last = data as Omit<FollowSnapshot, 'kind'>;
        for (const span of last.spans) spans.set(span.id, span);
        yield { kind: event, ...last, spans: [...spans.values()].sort((a, b) => a.first_seq - b.first_seq) };
        spans.clear();
      } else if (event === 'end') yield { kind: 'end', ...(data as { play: Play }) };
    }
  }

  /** Announcements for lists: a play or a workflow has changed. `resync`: some may have been missed, so read the list again. */
  async *changes(options: { signal?: AbortSignal } = {}): AsyncGenerator<Change> {
    for await (const { event, data } of this.sent('/api/events', { signal: options.signal })) {
      yield { ...(data as object), kind: event } as Change;
    }
  }
}
