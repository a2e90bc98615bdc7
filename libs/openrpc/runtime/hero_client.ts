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
