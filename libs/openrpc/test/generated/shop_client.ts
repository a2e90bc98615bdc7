/** Client of Shop 2.0. Generated from its OpenRPC document; do not edit: `hero_logic client` writes it anew. */
/** The service refused a call: `code` is the number of the JSON-RPC error, `data` is what the service says besides. */
export class RpcError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly data?: unknown,
  ) {
    super(`${code}: ${message}`);
    this.name = new.target.name;
  }
}

/** No answer, or one that is not JSON-RPC. Whether the call took effect is not known. */
export class ServiceUnreachable extends Error {
  override name = 'ServiceUnreachable';
}

export interface CallOptions {
  signal?: AbortSignal;
}

/** How a request reaches the service; returns the text of the answer. */
export type Send = (body: string, signal: AbortSignal) => Promise<string>;

export interface ServiceOptions {
  /** Default: the first server of the document. */
  url?: string;
  headers?: { [name: string]: string };
  /** Milliseconds for a call; default: 60,000. */
  timeoutMs?: number;
  /** Default: fetch. */
  send?: Send;
}

type Refusal = new (code: number, message: string, data?: unknown) => RpcError;

/** The base of the generated client. Its own members begin with an underscore, which no method of the service does. */
export class Service {
  private _nextId = 1;

  constructor(
    private readonly _options: ServiceOptions,
    private readonly _url: string,
    private readonly _errors: { [code: number]: Refusal },
  ) {
    if (!_options.send && !(_options.url ?? _url))
      throw new Error('The document names no server: give the client the url of the service.');
  }

  protected async _call(method: string, params: unknown, options?: CallOptions): Promise<unknown> {
    const id = this._nextId++;
    const answer = await this._send({ jsonrpc: '2.0', id, method, params }, options);
    const reply = parsed(answer);
    if (!reply || (reply.id !== id && reply.id !== null) || !('result' in reply || reply.error))
      throw new ServiceUnreachable(`${method}: the answer is not the reply to this call: ${answer.slice(0, 200)}`);
    if (!reply.error) return reply.result;
    const { code, message, data } = reply.error;
    throw new (this._errors[code] ?? RpcError)(code, message, data);
  }

  protected async _notify(method: string, params: unknown, options?: CallOptions): Promise<void> {
    await this._send({ jsonrpc: '2.0', method, params }, options);
  }

  private async _send(request: object, options?: CallOptions): Promise<string> {
    const limit = AbortSignal.timeout(this._options.timeoutMs ?? 60_000);
    const signal = options?.signal ? AbortSignal.any([limit, options.signal]) : limit;
    try {
      return await (this._options.send ?? this._post)(JSON.stringify(request), signal);
    } catch (cause) {
      if (options?.signal?.aborted || cause instanceof ServiceUnreachable) throw cause;
      throw new ServiceUnreachable(
        `The service is not reachable: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
  }

  private readonly _post: Send = async (body, signal) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json', ...this._options.headers };
    const response = await fetch(this._options.url ?? this._url, { method: 'POST', body, headers, signal });
    const answer = await response.text();
    // JSON-RPC errors may come with a status of their own.
    if (response.ok || answer.trimStart().startsWith('{')) return answer;
    throw new ServiceUnreachable(`The service answered with HTTP status ${response.status}.`);
  };
}

interface Reply {
  id?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
}

function parsed(answer: string): Reply | undefined {
  try {
    const reply: unknown = JSON.parse(answer);
    return typeof reply === 'object' && reply !== null ? reply : undefined;
  } catch {
    return undefined;
  }
}

/** Without what was left out at the end; what was left out in between is null. */
export function inOrder(...params: unknown[]): unknown[] {
  let length = params.length;
  while (length > 0 && params[length - 1] === undefined) length -= 1;
  return params.slice(0, length).map((value) => value ?? null);
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** There is no such item. */
export class NotFoundError extends RpcError {}

/** Closed """ *\/ today */
export class ClosedTodayError extends RpcError {}

export type Colour = 'red' | 'green';

export type Amount = number;

/** A thing to buy. */
export interface Item {
  /** As on the shelf. *\/ """ \ */
  name: string;
  price: Amount;
  parts?: Item[];
}

export type Tree = string | Tree[] | { [key: string]: Tree };

export interface PaymentCard {
  type: 'card';
  card: string;
  amount: Amount;
}

export interface PaymentCash {
  type: 'cash';
  change?: boolean;
  amount: Amount;
}

export type Payment = PaymentCard | PaymentCash;

export interface Error2 {
  why: string;
}

export interface PayResult {
  /** A word of Python. */
  class: string;
  'paid at': string;
  list?: number[];
  error?: Error2;
  __proto__?: string;
}

export interface ShopFindAllParams {
  /** The first page. */
  from?: number;
  list?: Colour[];
  self: string;
  'user-id'?: string | null;
  user_id?: number;
}

export interface ClassParams {
  amount: Amount;
  unit?: 'kg' | 'it\'s "one"' | 1 | true | number | null;
  note?: string;
}

export interface TreeOfParams {
  root: Tree;
}

export interface PayParams {
  with: Payment;
}

export interface OpenedParams {
  door?: string;
}

/** Shop 2.0. Everything that makes a generator stumble. """ *\/ \N{BELL} ends no comment import os import sys import this */
export class ShopClient extends Service {
  constructor(options: ServiceOptions = {}) {
    super(options, 'https://shop.example/rpc', { [-32004]: NotFoundError, [-32010]: ClosedTodayError });
  }

  /**
   * Finds items.
   * By parts of their names.
   * @throws NotFoundError -32004: There is no such item.
   * @throws ClosedTodayError -32010: Closed """ *\/ today
   */
  async shop_find_all(params: ShopFindAllParams, options?: CallOptions): Promise<Item[]> {
    return (await this._call('shop.find-all', params, options)) as Item[];
  }

  /**
   * A method that is named like a type of Python.
   */
  async list(options?: CallOptions): Promise<string[]> {
    return (await this._call('list', {}, options)) as string[];
  }

  /**
   * Calls class.
   * @deprecated
   */
  async class(params: ClassParams, options?: CallOptions): Promise<[number, string]> {
    return (await this._call('class', inOrder(params.amount, params.unit, params.note), options)) as [number, string];
  }

  /**
   * Calls constructor.
   */
  async constructor_(options?: CallOptions): Promise<Json> {
    return (await this._call('constructor', {}, options)) as Json;
  }

  /**
   * Calls _call.
   */
  async call(options?: CallOptions): Promise<'called'> {
    return (await this._call('_call', {}, options)) as 'called';
  }

  /**
   * Calls tree.of.
   */
  async tree_of(params: TreeOfParams, options?: CallOptions): Promise<Tree> {
    return (await this._call('tree.of', params, options)) as Tree;
  }

  /**
   * Calls pay.
   * @throws RpcError -32011: Refused
   * @throws RpcError -32011: Refused for good
   */
  async pay(params: PayParams, options?: CallOptions): Promise<PayResult> {
    return (await this._call('pay', params, options)) as PayResult;
  }

  /**
   * Nobody answers it.
   * A notification: nothing is returned, and no error.
   */
  async opened(params: OpenedParams = {}, options?: CallOptions): Promise<void> {
    await this._notify('opened', params, options);
  }
}
