/** Answers searches, once the index is complete. */
import type { LibraryHit, SearchState } from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { Follower } from './follower.js';
import { Library, type Search } from './library.js';
import { Meanings } from './meanings.js';

@Injectable()
export class Searches {
  constructor(
    private readonly follower: Follower,
    private readonly library: Library,
    private readonly meanings: Meanings,
  ) {}

  async search(search: Search): Promise<LibraryHit[]> {
    await this.follower.ready();
    const { vector, mode, reason } = await this.meanings.of(search.query);
    return this.library.search(search, vector).map((hit) => ({ ...hit, mode, mode_reason: reason }));
  }

  get state(): SearchState {
    return this.meanings.state;
  }
}
