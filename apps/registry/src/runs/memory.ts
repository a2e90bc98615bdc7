import type { MemoryPage } from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { type MemoryRow, StepStore } from './step-store.js';

const PAGE_ITEMS = 4000;
const PAGE_BYTES = 4 * 1024 * 1024;

/** The cursor of the first page. */
export const FIRST_PAGE = 's';

/**
 * What a play remembers, in pages: first its steps in the order of their keys, then its answers in the order of their ids.
 * A cursor is `s` or `r` and the last key. An item that is larger than a page comes alone.
 */
@Injectable()
export class Memory {
  constructor(private readonly store: StepStore) {}

  async page(playSid: string, cursor: string): Promise<MemoryPage> {
    const items: MemoryRow[] = [];
    if (!cursor.startsWith('r')) {
      const steps = await this.store.steps(playSid, cursor.slice(1), PAGE_ITEMS + 1, PAGE_BYTES);
      items.push(...steps.slice(0, PAGE_ITEMS));
      if (isCut(steps, items)) return page(items, `s${items.at(-1)?.key}`);
      // Two items of the largest size are no page.
      if (items.reduce((bytes, { text }) => bytes + text.length, 0) > PAGE_BYTES / 2) return page(items, 'r');
    }
    const left = PAGE_ITEMS - items.length;
    const after = cursor.startsWith('r') ? cursor.slice(1) : '';
    const answers = await this.store.answers(playSid, after, left + 1, PAGE_BYTES);
    const shown = answers.slice(0, left);
    return page([...items, ...shown], isCut(answers, shown) ? `r${shown.at(-1)?.key ?? ''}` : null);
  }
}

const isCut = (read: MemoryRow[], shown: MemoryRow[]): boolean => (read[0]?.total ?? 0) > shown.length;

const page = (rows: MemoryRow[], next: string | null): MemoryPage => ({
  items: rows.map(({ place, kind, text, parent_place, name }) => [place, kind, text, parent_place, name]),
  next,
});
