/**
 * The control lane of one play: frames in, one reply each. Frames are checked here and nowhere else.
 *
 * 1. Ids rise from 1 by one; nothing is asked before `go`. Whatever else comes is garbage and ends the play.
 * 2. Nothing is ever dropped: who does not read its replies waits.
 */
import type { Socket } from 'node:net';
import { type ExecutorFrame, FRAME_LIMIT, messageOf, PlayFrame } from '@hero/contracts';
import { LineSplitter } from './line-splitter.js';

export class ControlLane {
  private socket?: Socket;
  private lastId = 0;
  private started = false;
  private readonly splitter = new LineSplitter(FRAME_LIMIT);

  constructor(
    private readonly onFrame: (frame: PlayFrame) => void,
    private readonly onGarbage: (what: string) => void,
  ) {}

  attach(socket: Socket, first: Buffer): void {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    this.read(first);
    socket.resume();
  }

  reply(...frames: ExecutorFrame[]): void {
    if (this.socket?.writable) this.socket.write(frames.map((frame) => `${JSON.stringify(frame)}\n`).join(''));
  }

  /** As `reply`, for the large frames before `go`: waits until the play takes them. */
  async send(frame: ExecutorFrame, signal: AbortSignal): Promise<void> {
    const { socket } = this;
    if (frame.t === 'go') this.started = true;
    if (!socket?.writable || socket.write(`${JSON.stringify(frame)}\n`)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        socket.off('drain', done).off('close', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      socket.on('drain', done).on('close', done);
      signal.addEventListener('abort', done);
    });
  }

  private read(chunk: Buffer): void {
    try {
      for (const line of this.splitter.push(chunk)) this.onFrame(this.check(line));
    } catch (error) {
      this.onGarbage(`control frame ${this.lastId + 1}: ${messageOf(error)}`);
    }
  }

  private check(line: Buffer): PlayFrame {
    const parsed = PlayFrame.safeParse(parse(line));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new Error(`not a frame (${issue?.path.map(String).join('.') || 't'}: ${issue?.message})`);
    }
    if (!this.started) throw new Error(`${parsed.data.t} arrived before the play was started`);
    if (parsed.data.id !== this.lastId + 1) throw new Error(`its id is ${parsed.data.id}, out of order`);
    this.lastId = parsed.data.id;
    return parsed.data;
  }
}

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    const shown = line.subarray(0, 80).toString('latin1');
    throw new Error(`not JSON: ${JSON.stringify(line.length > 80 ? `${shown}…` : shown)}`);
  }
}
