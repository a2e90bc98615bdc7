/**
 * What a play says about itself: one event a line, one way. Each is validated once, here; what is stamped on it comes from
 * the connection. Text that PostgreSQL cannot store is replaced, because one such event would poison a batch.
 */
import { EmittedEvent, EVENT_LIMIT } from '@hero/contracts';
import type { Socket } from 'node:net';
import type { History } from './history.js';
import { LineSplitter } from './line-splitter.js';
import { Waiters } from './waiters.js';

export class TelemetryLane {
  /** Lines read, as the play counts them. */
  private lines = 0;
  private readonly splitter = new LineSplitter(EVENT_LIMIT);
  private readonly reached = new Waiters();

  constructor(
    private readonly history: History,
    private readonly onGarbage: (what: string) => void,
  ) {}

  attach(socket: Socket, first: Buffer): void {
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.on('close', () => this.reached.all());
    this.read(first);
    socket.resume();
  }

  /** Waits until so many lines were read; at most so long. */
  async until(lines: number, withinMs: number): Promise<void> {
    const limit = performance.now() + withinMs;
    while (this.lines < lines) {
      const left = limit - performance.now();
      if (left <= 0 || !(await this.reached.next(left))) return;
    }
  }

  private read(chunk: Buffer): void {
    try {
      for (const line of this.splitter.push(chunk)) {
        this.lines++;
        this.history.add(parseEvent(line), line.length);
      }
    } catch (error) {
      this.onGarbage(`telemetry line ${this.lines + 1}: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.reached.all();
  }
}

function parseEvent(line: Buffer): EmittedEvent {
  const text = line.toString('utf8');
  const parsed = EmittedEvent.safeParse(parseJson(text));
  if (parsed.success) return UNSTORABLE.test(text) ? (storable(parsed.data) as EmittedEvent) : parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`no event (${issue?.path.map(String).join('.') || 'type'}: ${issue?.message})`);
}

function parseJson(text: string): unknown {
  if (tooDeep(text)) throw new Error(`JSON deeper than ${DEPTH_LIMIT} levels`);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`not JSON: ${JSON.stringify(text.slice(0, 80))}`);
  }
}

/** The SDK cuts tags at 64 levels; an event around them has a few more. */
const DEPTH_LIMIT = 80;

function tooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let place = 0; place < text.length; place++) {
    const unit = text.charCodeAt(place);
    if (inString) {
      if (unit === 92) place++;
      else if (unit === 34) inString = false;
    } else if (unit === 34) inString = true;
    else if (unit === 91 || unit === 123) {
      if (++depth > DEPTH_LIMIT) return true;
    } else if (unit === 93 || unit === 125) depth--;
  }
  return false;
}

/** An escape that may stand for NUL or a lone surrogate: only then is the event walked. */
const UNSTORABLE = /\\u(0000|[dD][89a-fA-F])/;

function storable(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [storableText(key), storable(item)]));
}

const loneSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
export const storableText = (text: string): string => text.replaceAll('\0', '\uFFFD').replace(loneSurrogate, '\uFFFD');
