/**
 * What a play says about itself: one event a line, one way. Each is validated once, here; what is stamped on it is known from
 * the connection.
 *
 * 1. I10: a line that is not an event, is too long or finds the buffer full is counted and reported as `dropped`. It never
 *    ends its play: what a play says about itself decides nothing.
 * 2. I12: it is read as fast as it comes, so that no play waits for it; what finds no room is not even parsed.
 * 3. Text that PostgreSQL cannot store is replaced, because one such event would poison a batch.
 */
import { EmittedEvent, EVENT_LIMIT } from '@hero/contracts';
import { wellFormed } from '@hero/json';
import type { Socket } from 'node:net';
import type { History } from './history.js';
import { LineSplitter } from './line-splitter.js';
import type { SecretGuard } from './secrets/guard.js';
import { Waiters } from './waiters.js';

export class TelemetryLane {
  /** Lines read, as the play counts them. */
  private lines = 0;
  private readonly splitter = new LineSplitter(EVENT_LIMIT, () => this.drop(`has more than ${EVENT_LIMIT} bytes`));
  private readonly reached = new Waiters();

  constructor(
    private readonly history: History,
    private readonly guard: SecretGuard,
  ) {}

  attach(socket: Socket, first: Buffer): void {
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.on('close', () => {
      if (this.splitter.unfinished > 0) this.drop('was not finished');
      this.reached.all();
    });
    this.read(first);
    socket.resume();
  }

  /** Waits until the given number of lines was read, or until the time limit. */
  async until(lines: number, withinMs: number): Promise<void> {
    const limit = performance.now() + withinMs;
    while (this.lines < lines) {
      const left = limit - performance.now();
      if (left <= 0 || !(await this.reached.next(left))) return;
    }
  }

  private read(chunk: Buffer): void {
    for (const line of this.splitter.push(chunk)) this.take(line);
    this.reached.all();
  }

  private take(line: Buffer): void {
    if (!this.history.hasRoom(line.length)) {
      this.lines++;
      this.history.drop('overload');
      return;
    }
    const text = line.toString('utf8');
    const event = parseEvent(text);
    if (typeof event === 'string') return this.drop(event);
    this.lines++;
    this.history.add(this.guard.event(event, text), line.length);
  }

  private drop(why: string): void {
    this.lines++;
    this.history.drop('malformed', this.guard.text(`telemetry line ${this.lines} ${why}`));
  }
}

/** The event, or what is wrong with the line. */
function parseEvent(text: string): EmittedEvent | string {
  if (tooDeep(text)) return `has more than ${DEPTH_LIMIT} levels`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return `is not JSON: ${JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)}`;
  }
  const parsed = EmittedEvent.safeParse(value);
  if (parsed.success) return UNSTORABLE.test(text) ? (wellFormed(parsed.data) as EmittedEvent) : parsed.data;
  const [issue] = parsed.error.issues;
  return `is no event (${issue?.path.map(String).join('.') || 'type'}: ${issue?.message})`;
}

/** What memory may hold (400 levels), with an event around it. */
const DEPTH_LIMIT = 420;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

function tooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (inString) {
      if (unit === BACKSLASH) index++;
      else if (unit === QUOTE) inString = false;
    } else if (unit === QUOTE) inString = true;
    else if (unit === OPEN_LIST || unit === OPEN_OBJECT) {
      if (++depth > DEPTH_LIMIT) return true;
    } else if (unit === CLOSE_LIST || unit === CLOSE_OBJECT) depth--;
  }
  return false;
}

/** An escape that may stand for NUL or a lone surrogate: only then is the event walked. */
const UNSTORABLE = /\\u(0000|[dD][89a-fA-F])/;
