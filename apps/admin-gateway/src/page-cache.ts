/** A cache of pages that viewers share, with a limit of total bytes; it evicts the least recently used page first. */
import { MIB } from '@hero/contracts';

const KEPT_BYTES = 16 * MIB;

export class PageCache<P extends { readonly bytes: Buffer }> {
  /** Pages in the order of their last use. */
  private readonly pages = new Map<string, P>();
  private held = 0;

  constructor(private readonly limit = KEPT_BYTES) {}

  get bytes(): number {
    return this.held;
  }

  get(key: string): P | undefined {
    const page = this.pages.get(key);
    if (!page) return undefined;
    this.pages.delete(key);
    this.pages.set(key, page);
    return page;
  }

  put(key: string, page: P): void {
    this.remove(key);
    this.pages.set(key, page);
    this.held += page.bytes.length;
    for (const oldest of this.pages.keys()) {
      if (this.held <= this.limit) return;
      this.remove(oldest);
    }
  }

  private remove(key: string): void {
    const page = this.pages.get(key);
    if (!page) return;
    this.pages.delete(key);
    this.held -= page.bytes.length;
  }
}
