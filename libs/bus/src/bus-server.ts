/**
 * The door of a service: Nest finds the handlers, this subscribes their subjects and answers.
 *
 * 1. Every question is answered once: with its result, or with ErrorData under the header `hero-error`.
 * 2. Parameters are validated here and nowhere else. Results are, where HERO_CHECK_REPLIES or NODE_ENV=test asks for it.
 * 3. The text of an unknown error stays in the log.
 * 4. Closing: no new questions, then the running ones are answered (bounded), then it is closed.
 */
import { type Contract, HeroError, issuesOf, subjectOf } from '@hero/contracts';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { stamp } from './ask.js';
import type { Bus } from './bus.js';
import { toHeroError } from './faults.js';
import { type CallContext, CONTRACT } from './handle.js';
import type { Log } from './log.js';
import { fetchParcel } from './parcels.js';
import { within } from './within.js';
import {
  CALLER,
  claimedBytes,
  decode,
  decodeParams,
  ERROR,
  encode,
  KEPT,
  paramsFault,
  REPLY_LIMIT,
  stubOf,
  tooLarge,
} from './wire.js';

export interface BusServerOptions {
  /** The queue group: each question reaches one instance of the service. */
  service: string;
  /** With it, each contract is also answered on `<subject>.<instance>`. */
  instance?: string;
  log?: Log;
  /** How long running handlers may take when it closes. Default 25 s. */
  drainMs?: number;
  checkReplies?: boolean;
}

export class BusServer extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol('hero-bus');
  private readonly log: Log;
  private readonly drainMs: number;
  private readonly checkReplies: boolean;
  private readonly subscriptions: Subscription[] = [];
  private readonly running = new Set<Promise<void>>();
  private readonly closing = new AbortController();

  constructor(
    private readonly bus: Bus,
    private readonly options: BusServerOptions,
  ) {
    super();
    this.log = options.log ?? bus.log;
    this.drainMs = options.drainMs ?? 25_000;
    const { HERO_CHECK_REPLIES, NODE_ENV } = process.env;
    this.checkReplies = options.checkReplies ?? (HERO_CHECK_REPLIES === '1' || NODE_ENV === 'test');
  }

  /** The contracts that are answered here. */
  get contracts(): Contract[] {
    return [...this.messageHandlers.values()].map((handler) => contractOf(handler)).filter((c) => c !== undefined);
  }

  /** The contracts’ subjects that it listens on right now. */
  get subjects(): string[] {
    const listening = this.subscriptions.filter((subscription) => !subscription.isClosed());
    const own = new Set(this.contracts.map(subjectOf));
    return listening.map((subscription) => subscription.getSubject()).filter((subject) => own.has(subject));
  }

  /** How many questions are being answered right now. */
  get inFlight(): number {
    return this.running.size;
  }

  listen(callback: (error?: unknown) => void): void {
    this.subscribeAll().then(
      () => callback(),
      (error) => callback(error),
    );
  }

  async close(): Promise<void> {
    if (this.closing.signal.aborted) return;
    const limit = performance.now() + this.drainMs;
    if (this.bus.connected) {
      const drained = Promise.allSettled(this.subscriptions.map((subscription) => subscription.drain()));
      await within(drained, Math.min(2_000, this.drainMs));
    }
    this.closing.abort(new HeroError('UNAVAILABLE', `${this.options.service} is stopping; ask again.`));
    await within(Promise.allSettled(this.running), limit - performance.now());
    if (this.running.size > 0) this.log.warn({ unanswered: this.running.size }, 'stopped while calls were unanswered');
  }

  on(): never {
    throw new Error('BusServer emits no events; use Bus.onReconnect.');
  }

  unwrap<T>(): T {
    return this.bus as T;
  }

  private async subscribeAll(): Promise<void> {
    const { service, instance } = this.options;
    for (const [subject, handler] of this.messageHandlers) {
      const contract = contractOf(handler);
      if (!contract) throw new Error(`${subject} is handled without a contract; use @Handle(contract).`);
      const callback = (error: Error | null, message: Msg): void => {
        if (error) return this.log.error({ err: error, subject }, 'cannot listen on subject');
        const answering = this.answer(contract, handler, message).finally(() => this.running.delete(answering));
        this.running.add(answering);
      };
      this.subscriptions.push(this.bus.nc.subscribe(subject, { queue: service, callback }));
      if (instance) this.subscriptions.push(this.bus.nc.subscribe(`${subject}.${instance}`, { callback }));
    }
    await this.bus.flush();
  }

  private async answer(contract: Contract, handler: MessageHandler, message: Msg): Promise<void> {
    try {
      const params = await this.read(contract, message);
      const context: CallContext = {
        caller: message.headers?.get(CALLER) ?? '',
        subject: message.subject,
        closing: this.closing.signal,
      };
      const outcome: unknown = await handler(params, context);
      const result: unknown = isObservable(outcome) ? await lastValueFrom(outcome) : outcome;
      if (this.checkReplies) checkReply(contract, result);
      this.reply(message, encode(result));
    } catch (cause) {
      this.refuse(contract, message, cause);
    }
  }

  private async read(contract: Contract, message: Msg): Promise<unknown> {
    const stub = stubOf(message.headers);
    const bytes = claimedBytes(message, stub);
    if (bytes > contract.maxBytes) throw tooLarge(`A request of ${contract.name}`, bytes, contract.maxBytes);
    const body = stub ? await fetchParcel(this.bus.nc, stub) : message.data;
    const parsed = contract.params.safeParse(parse(contract, body, message.headers?.get(KEPT)));
    if (parsed.success) return parsed.data;
    throw paramsFault(contract, parsed.error);
  }

  private reply(message: Msg, body: Buffer, code?: string): void {
    if (body.length > REPLY_LIMIT) throw tooLarge('The reply', body.length, REPLY_LIMIT);
    const { pageBytes, parcels } = this.bus;
    const parcel = body.length > pageBytes ? parcels.hold(body, pageBytes) : undefined;
    if (!parcel && code === undefined) {
      message.respond(body);
      return;
    }
    const stamped = stamp('', parcel);
    if (code !== undefined) stamped.set(ERROR, code);
    message.respond(parcel ? undefined : body, { headers: stamped });
  }

  private refuse(contract: Contract, message: Msg, cause: unknown): void {
    try {
      const error = toHeroError(cause, {
        service: contract.service,
        method: contract.name,
        abortable: this.closing.signal.aborted,
        log: this.log,
      });
      this.reply(message, encode(error.toData()), error.code);
    } catch (unsent) {
      this.log.error({ err: unsent, method: contract.name }, 'the answer to a call could not be sent');
    }
  }
}

function contractOf(handler: MessageHandler): Contract | undefined {
  return handler.extras?.[CONTRACT] as Contract | undefined;
}

function parse(contract: Contract, body: Uint8Array, kept: string | undefined): unknown {
  try {
    return decodeParams(body, kept);
  } catch (cause) {
    throw new HeroError('INVALID_PARAMS', `The parameters of ${contract.name} are not JSON.`, { cause });
  }
}

function checkReply(contract: Contract, result: unknown): void {
  const checked = contract.result.safeParse(decode(encode(result)));
  if (checked.success) return;
  throw new Error(
    `${contract.name} answered what its contract does not allow: ${JSON.stringify(issuesOf(checked.error))}`,
  );
}
