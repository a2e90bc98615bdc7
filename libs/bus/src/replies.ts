/**
 * Replies to the questions of one connection: one subscription for all of them. The client's own `request` makes four promises, an
 * error with its stack and two listeners for each question.
 *
 * 1. A question ends once: with its reply, because nobody listens, at its time limit, or where its caller or the connection ends it.
 * 2. A question that may be repeated ends at a reconnect, because its reply may be lost.
 */
import {
  ClosedConnectionError,
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  NoRespondersError,
  RequestError,
  TimeoutError,
} from '@nats-io/transport-node';

export const RECONNECTED = Symbol('reconnected');
export type Reply = Msg | typeof RECONNECTED;

export interface Question {
  subject: string;
  body: Uint8Array;
  headers: MsgHdrs;
  timeoutMs: number;
  /** Rule 2. */
  repeatable: boolean;
  signal?: AbortSignal;
}

interface Waiting {
  subject: string;
  repeatable: boolean;
  end(reply: Reply): void;
  fail(error: unknown): void;
}

export class Replies {
  private readonly waiting = new Map<string, Waiting>();
  private inbox = '';
  private asked = 0;

  constructor(private readonly nc: NatsConnection) {
    void nc.closed().then((error) => this.failAll(error ?? new ClosedConnectionError()));
  }

  ask({ subject, body, headers, timeoutMs, repeatable, signal }: Question): Promise<Reply> {
    this.listen();
    const token = `${this.inbox}.${(++this.asked).toString(36)}`;
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        clearTimeout(timer);
        this.waiting.delete(token);
        signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: unknown): void => {
        forget();
        reject(error as Error);
      };
      const end = (reply: Reply): void => {
        forget();
        resolve(reply);
      };
      const onAbort = (): void => fail(signal?.reason);
      const timer = setTimeout(() => fail(new TimeoutError()), timeoutMs);
      signal?.addEventListener('abort', onAbort);
      this.waiting.set(token, { subject, repeatable, end, fail });
      try {
        this.nc.publish(subject, body, { headers, reply: token });
      } catch (error) {
        fail(error);
      }
    });
  }

  /** Rule 2. */
  reconnected(): void {
    for (const { repeatable, end } of Array.from(this.waiting.values())) if (repeatable) end(RECONNECTED);
  }

  private listen(): void {
    if (this.inbox !== '') return;
    this.inbox = createInbox();
    this.nc.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => {
        if (error) return this.failAll(new RequestError(error.message, { cause: error }));
        const waiting = this.waiting.get(message.subject);
        if (!waiting) return;
        if (message.data.length === 0 && message.headers?.code === NOBODY) {
          waiting.fail(new NoRespondersError(waiting.subject));
        } else waiting.end(message);
      },
    });
  }

  private failAll(error: unknown): void {
    for (const { fail } of Array.from(this.waiting.values())) fail(error);
  }
}

/** What the server itself replies where nobody listens on a subject. */
const NOBODY = 503;
