/**
 * What a play remembers, in pages, in the order of decision 13.
 *
 * 1. The pages of a claim are worked out once, when its first page is asked for: nothing is committed or handed over between a claim
 *    and the last page of its memory. Reading all of them is linear in what is remembered.
 * 2. A cursor is the number of a page. A registry that did not make the pages of a claim (another one did, or it was restarted)
 *    makes the same ones again.
 */
import type { MemoryPage } from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { MemoryStore, type PageKeys } from './memory-store.js';

const PAGE_ITEMS = 4000;
const PAGE_BYTES = 4 * 1024 * 1024;
/** What is kept of claims whose memory has several pages: 40 bytes an item. */
const KEPT_BYTES = 64 * 1024 * 1024;

/** The cursor of the first page. */
export const FIRST_PAGE = '0';

interface Pages {
  pages: PageKeys[];
  bytes: number;
}

@Injectable()
export class Memory {
  /** By play and epoch, the oldest first. */
  private readonly kept = new Map<string, Pages>();
  private keptBytes = 0;

  constructor(private readonly store: MemoryStore) {}

  async page(playSid: string, epoch: number, cursor: string): Promise<MemoryPage> {
    const claim = `${playSid}.${epoch}`;
    const pages = this.kept.get(claim)?.pages ?? (await this.store.pages(playSid, PAGE_ITEMS, PAGE_BYTES));
    const number = Number(cursor);
    const keys = pages[number];
    if (!keys) return { items: [], next: null };
    const last = number + 1 >= pages.length;
    if (last) this.forget(claim);
    else this.keep(claim, pages);
    return { items: await this.store.page(playSid, keys), next: last ? null : String(number + 1) };
  }

  private keep(claim: string, pages: PageKeys[]): void {
    if (this.kept.has(claim)) return;
    const bytes = pages.reduce((sum, { keys }) => sum + keys.length, 0);
    this.kept.set(claim, { pages, bytes });
    this.keptBytes += bytes;
    // A play that died before it had read all leaves its pages here.
    for (const oldest of this.kept.keys()) {
      if (this.keptBytes <= KEPT_BYTES || oldest === claim) break;
      this.forget(oldest);
    }
  }

  private forget(claim: string): void {
    const kept = this.kept.get(claim);
    if (!kept) return;
    this.keptBytes -= kept.bytes;
    this.kept.delete(claim);
  }
}
