/**
 * Bodies larger than one NATS message. The sender keeps the body and sends a stub; the receiver asks for the pages on a
 * subject of the sender's own inbox and joins them. Requests and replies go the same way, and so it does not matter
 * which member of a queue group got the stub.
 *
 * 1. What is held is bounded: HELD_LIMIT bytes in all. Beyond, sending fails with UNAVAILABLE instead of eating memory.
 * 2. A request is held until its ask ends; a reply until its receiver says it has it all, and 30 s at most.
 */
import { HeroError, MIB } from '@hero/contracts';
import { createInbox, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import type { Stub } from './wire.js';

const HELD_LIMIT = 256 * MIB;
const HELD_FOR_MS = 30_000;
const PAGES_AT_ONCE = 4;
const PAGE_WITHIN_MS = 5_000;
const PAGE_TRIES = 3;
const DONE = 'done';

interface Held {
  body: Buffer;
  pageBytes: number;
  timer?: NodeJS.Timeout;
}

export interface Parcel extends Stub {
  release(): void;
}

export class Parcels {
  private readonly held = new Map<string, Held>();
  private bytes = 0;
  private next = 0;
  private inbox = '';
  private subscription?: Subscription;

  constructor(private readonly nc: NatsConnection) {}

  get heldBytes(): number {
    return this.bytes;
  }

  /** Keeps a body for its receiver. `forMs` 0: until it is released. */
  hold(body: Buffer, pageBytes: number, forMs = HELD_FOR_MS): Parcel {
    if (this.bytes + body.length > HELD_LIMIT) {
      throw new HeroError(
        'UNAVAILABLE',
        'Too many large messages are being sent at the same time; try again in a moment.',
        {
          details: { held_bytes: this.bytes },
        },
      );
    }
    this.listen();
    const id = String(this.next++);
    const held: Held = { body, pageBytes };
    if (forMs > 0) {
      held.timer = setTimeout(() => this.release(id), forMs);
      held.timer.unref();
    }
    this.held.set(id, held);
    this.bytes += body.length;
    return {
      pages: Math.ceil(body.length / pageBytes),
      bytes: body.length,
      from: `${this.inbox}.${id}`,
      release: () => this.release(id),
    };
  }

  private listen(): void {
    if (this.subscription) return;
    this.inbox = createInbox();
    this.subscription = this.nc.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => {
        if (!error) this.answer(message);
      },
    });
  }

  private answer(message: Msg): void {
    const id = message.subject.slice(this.inbox.length + 1);
    const asked = message.string();
    if (asked === DONE) return this.release(id);
    const held = this.held.get(id);
    const start = held ? Number(asked) * held.pageBytes : Number.NaN;
    // An empty page tells the receiver that the body is no longer held: no page of a body is empty.
    message.respond(held && start >= 0 ? held.body.subarray(start, start + held.pageBytes) : GONE_PAGE);
  }

  private release(id: string): void {
    const held = this.held.get(id);
    if (!held) return;
    clearTimeout(held.timer);
    this.held.delete(id);
    this.bytes -= held.body.length;
  }
}

const GONE_PAGE = new Uint8Array(0);

/** Asks the sender for all pages of a stub and joins them. */
export async function fetchParcel(nc: NatsConnection, stub: Stub): Promise<Buffer> {
  const pages: Uint8Array[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let page = next++; page < stub.pages; page = next++) pages[page] = await fetchPage(nc, stub.from, page);
  };
  await Promise.all(Array.from({ length: Math.min(PAGES_AT_ONCE, stub.pages) }, worker));
  const body = Buffer.concat(pages);
  if (body.length !== stub.bytes) throw lost('the body is no longer held');
  nc.publish(stub.from, DONE);
  return body;
}

async function fetchPage(nc: NatsConnection, from: string, page: number): Promise<Uint8Array> {
  let cause: unknown;
  for (let attempt = 0; attempt < PAGE_TRIES; attempt++) {
    try {
      const reply = await nc.request(from, String(page), { timeout: PAGE_WITHIN_MS });
      if (reply.data.length === 0) throw lost('the body is no longer held');
      return reply.data;
    } catch (error) {
      if (error instanceof HeroError) throw error;
      cause = error;
    }
  }
  throw lost(cause);
}

function lost(cause: unknown): HeroError {
  return new HeroError('UNAVAILABLE', 'The sender of a large message went away before all of it was read; ask again.', {
    cause,
  });
}
