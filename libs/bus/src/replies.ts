/**
 * Replies to the questions of one connection: one subscription for all of them. The client's own `request` makes four promises, an
 * error with its stack and two listeners for each question.
 *
 * 1. A question ends once: with its reply, because nobody listens, at its time limit, or where its caller or the connection ends it.
 * 2. A question that may be repeated ends at a reconnect, because its reply may be lost.
 * 3. Where the server refuses the subscription, the questions that wait for it fail, and the next one subscribes again. Where it refuses
 *    a subject, the questions to that subject fail.
 */
import {
  ClosedConnectionError,
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  NoRespondersError,
  type PermissionViolationError,
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
    void nc.closed().then((cause) => {
      const closed = new ClosedConnectionError();
      if (cause) closed.cause = cause;
      this.failWhere(() => true, closed);
    });
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

  /** Rule 3, of a subject. The refusal of a subscription comes to the subscription. */
  refused(error: PermissionViolationError): void {
    if (error.operation === 'publish') this.failWhere(({ subject }) => subject === error.subject, error);
  }

  private listen(): void {
    if (this.inbox !== '') return;
    const inbox = createInbox(inboxPrefixOf(this.nc));
    this.nc.subscribe(`${inbox}.*`, {
      callback: (error, message) => {
        if (error) {
          if (this.inbox === inbox) this.inbox = '';
          return this.failWhere((_, token) => token.startsWith(`${inbox}.`), error);
        }
        const waiting = this.waiting.get(message.subject);
        if (!waiting) return;
        if (message.data.length === 0 && message.headers?.code === NOBODY) {
          waiting.fail(new NoRespondersError(waiting.subject));
        } else waiting.end(message);
      },
    });
    this.inbox = inbox;
  }

  private failWhere(isMeant: (waiting: Waiting, token: string) => boolean, error: unknown): void {
    for (const [token, waiting] of Array.from(this.waiting)) if (isMeant(waiting, token)) waiting.fail(error);
  }
}

/** The client's types do not show the options that a connection was made with. An account may be allowed to listen below its prefix only. */
const inboxPrefixOf = (nc: NatsConnection & { options?: { inboxPrefix?: string } }): string | undefined =>
  nc.options?.inboxPrefix;

/** What the server itself replies where nobody listens on a subject. */
const NOBODY = 503;
