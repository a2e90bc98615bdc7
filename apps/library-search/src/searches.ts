import type { LibraryHit } from '@hero/contracts';
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
    return this.library.search(search);
  }
}
