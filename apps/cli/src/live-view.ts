import type { WriteStream } from 'node:tty';
import type { PlayEvent } from '@hero/contracts';
import { type Snapshot, SpanTree } from '@hero/spans';
import { rowsOf, treeLines } from './tree-lines.js';

const FRAME_MS = 100;

/**
 * The live span tree on a terminal, with the trees of spawned plays below the spans that wait for them. It is redrawn in place, at
 * most ten times a second, and shows only the part that fits the screen.
 * Without a terminal only `finish` prints, the whole tree once.
 */
export class LiveView {
  /** Trees by play. */
  private readonly trees = new Map<string, SpanTree>();
  private drawn = 0;
  private timer: NodeJS.Timeout | undefined;
  private lastDrawn = 0;
  private held = false;

  constructor(
    private readonly root: string,
    private readonly out: NodeJS.WriteStream & Partial<WriteStream> = process.stdout,
  ) {}

  load(playSid: string, snapshot: Snapshot): void {
    this.tree(playSid).load(snapshot);
    this.soon();
  }

  apply(playSid: string, event: PlayEvent): void {
    if (this.tree(playSid).apply(event)) this.soon();
  }

  /** Removes the drawing while something else is printed, then draws it again below. */
  async aside<T>(print: () => Promise<T>): Promise<T> {
    this.clear();
    this.held = true;
    try {
      return await print();
    } finally {
      this.held = false;
      this.soon();
    }
  }

  private clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.out.isTTY && this.drawn > 0) this.out.write(`\x1b[${this.drawn}A\x1b[J`);
    this.drawn = 0;
  }

  /** Prints the whole tree, which then stays on the terminal. */
  finish(): void {
    this.clear();
    for (const line of this.lines(20)) this.out.write(`${line}\n`);
  }

  private tree(playSid: string): SpanTree {
    let tree = this.trees.get(playSid);
    if (!tree) this.trees.set(playSid, (tree = new SpanTree(playSid)));
    return tree;
  }

  private soon(): void {
    if (!this.out.isTTY || this.timer || this.held) return;
    const wait = Math.max(0, this.lastDrawn + FRAME_MS - Date.now());
    this.timer = setTimeout(() => this.draw(), wait);
  }

  private draw(): void {
    this.clear();
    const room = Math.max(5, (this.out.rows ?? 24) - 2);
    const lines = this.lines(3);
    const shown = lines.length > room ? [`… ${lines.length - room + 1} lines above`, ...lines.slice(1 - room)] : lines;
    this.out.write(shown.map((line) => `${line}\n`).join(''));
    this.drawn = shown.length;
    this.lastDrawn = Date.now();
  }

  private lines(logs: number): string[] {
    return treeLines(rowsOf(this.root, this.trees), {
      colour: this.out.isTTY === true && !process.env.NO_COLOR,
      width: (this.out.columns ?? 120) - 1,
      logs,
    });
  }
}
