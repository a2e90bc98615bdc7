/**
 * What a process writes to fds 1 and 2 outside of Python's own streams: raw bytes, reported as log lines.
 *
 * 1. A line is cut at 64 KiB; what is beyond is only counted.
 * 2. A flood is cut to a limit of lines per second, and one line says how many are missing.
 * 3. Beyond OUTPUT_LIMIT bytes in all the play is ended.
 */
import type { Socket } from 'node:net';
import { wellFormed } from '@hero/json';
import { GIB } from './play-limits.js';
import { type History, now } from './history.js';
import type { SecretGuard } from './secrets/guard.js';

const LINE_LIMIT = 64 * 1024;
const LINES_A_SECOND = 1_000;
const OUTPUT_LIMIT = GIB;
const NEWLINE = 10;

export class OutputLane {
  private begun: Buffer[] = [];
  private kept = 0;
  private cut = 0;
  private total = 0;
  private window = 0;
  private linesInWindow = 0;
  private left = 0;

  constructor(
    private readonly history: History,
    private readonly guard: SecretGuard,
    private readonly onTooMuch: () => void,
  ) {}

  attach(socket: Socket, first: Buffer): void {
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.on('end', () => this.end());
    if (first.length > 0) this.read(first);
    socket.resume();
  }

  private read(chunk: Buffer): void {
    const before = this.total;
    this.total += chunk.length;
    if (before <= OUTPUT_LIMIT && this.total > OUTPUT_LIMIT) this.onTooMuch();
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.keep(chunk.subarray(start, end));
      this.line();
      start = end + 1;
    }
    this.keep(chunk.subarray(start));
  }

  private end(): void {
    if (this.kept > 0 || this.cut > 0) this.line();
    this.tellLeftOut();
  }

  private keep(part: Buffer): void {
    const room = Math.min(part.length, LINE_LIMIT - this.kept);
    if (room > 0) this.begun.push(part.subarray(0, room));
    this.kept += room;
    this.cut += part.length - room;
  }

  private line(): void {
    const text = Buffer.concat(this.begun, this.kept).toString('utf8');
    const missing = this.cut > 0 ? ` … (${this.cut} bytes more)` : '';
    this.begun = [];
    this.kept = 0;
    this.cut = 0;
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.window) {
      this.tellLeftOut();
      this.window = second;
      this.linesInWindow = 0;
    }
    if (++this.linesInWindow > LINES_A_SECOND) this.left++;
    else this.tell(this.guard.text(wellFormed(text) + missing));
  }

  private tellLeftOut(): void {
    if (this.left > 0) this.tell(`… ${this.left} lines of output left out: more than ${LINES_A_SECOND} a second`);
    this.left = 0;
  }

  private tell(text: string): void {
    this.history.add({ type: 'log', at: now(), span_id: null, text, stream: 'stdout' }, text.length + 100);
  }
}
