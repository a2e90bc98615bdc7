import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Play, PlayEvent } from '@hero/contracts';

export interface Message {
  event: string;
  id?: number;
  data: { play?: Play; seq?: number; spans?: unknown[]; sid?: string } & Partial<Pick<PlayEvent, 'type'>>;
}

/** A raw reader of server-sent events that a test can stop and disconnect. */
export class StreamReader implements AsyncDisposable {
  readonly messages: Message[] = [];
  comments = 0;
  status = 0;
  ended = false;
  private waiting = new Set<() => void>();
  private text = '';
  private reply?: IncomingMessage;
  private readonly asked: ClientRequest;

  constructor(socketPath: string, path: string, lastEventId?: number) {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
    this.asked = request({ socketPath, path, headers, agent: false });
    this.asked.on('response', (reply) => {
      this.reply = reply;
      this.status = reply.statusCode ?? 0;
      reply.setEncoding('utf8');
      reply.on('data', (chunk: string) => this.take(chunk));
      reply.on('close', () => this.end());
      this.wake();
    });
    this.asked.on('error', () => this.end());
    this.asked.end();
  }

  /** Waits until the check returns a value. */
  async until(what: (reader: this) => boolean): Promise<this> {
    while (!what(this)) {
      if (this.ended) throw new Error(`the stream has ended after ${this.messages.length} messages`);
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
    return this;
  }

  untilEnd(): Promise<unknown> {
    return this.ended
      ? Promise.resolve()
      : new Promise<void>((resolve) => this.waiting.add(resolve)).then(() => this.untilEnd());
  }

  get events(): number[] {
    return this.messages.filter(({ event }) => event === 'event').map(({ id }) => id ?? 0);
  }

  get kinds(): string[] {
    return this.messages.map(({ event }) => event);
  }

  get last(): number | undefined {
    return this.messages.map(({ id }) => id).findLast((id) => id !== undefined);
  }

  pause(): void {
    this.reply?.pause();
  }

  goOn(): void {
    this.reply?.resume();
  }

  leave(): void {
    this.asked.destroy();
    this.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leave();
  }

  private take(chunk: string): void {
    this.text += chunk;
    const blocks = this.text.split('\n\n');
    this.text = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n');
      if (block.startsWith(':')) this.comments++;
      else {
        const value = (name: string): string | undefined =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const id = value('id');
        this.messages.push({
          event: value('event') ?? '',
          ...(id !== undefined && { id: Number(id) }),
          data: JSON.parse(value('data') ?? '{}') as Message['data'],
        });
      }
    }
    this.wake();
  }

  private end(): void {
    this.ended = true;
    this.wake();
  }

  private wake(): void {
    const waiting = this.waiting;
    this.waiting = new Set();
    for (const resolve of waiting) resolve();
  }
}

/** 1 … n */
export const upTo = (n: number, from = 1): number[] => Array.from({ length: n - from + 1 }, (_, index) => from + index);
