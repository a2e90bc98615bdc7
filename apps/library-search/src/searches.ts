/** Answers searches, once the index is complete. */
import type { LibraryHit, SearchState } from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { Follower } from './follower.js';
import { Library, type Search } from './library.js';

@Injectable()
export class Searches {
  constructor(
    private readonly follower: Follower,
    private readonly library: Library,
  ) {}

  async search(search: Search): Promise<LibraryHit[]> {
    await this.follower.ready();
    const { mode, reason } = this.state;
    return this.library.search(search).map((hit) => ({ ...hit, mode, mode_reason: reason }));
  }

  get state(): SearchState {
    const { size, embedded } = this.library;
    return { mode: 'words', reason: 'No embedding model is set up.', flows: size, embedded };
  }
}
