/**
 * What runs the plays of one lock: a fork server that has its packages, and processes armed from it. That of the empty lock runs all plays
 * without packages. Each has a folder of its own for its plays, so that a fork server that imported a package sees no play of another lock.
 */
import { utimesSync } from 'node:fs';
import type { Children } from '../children.js';
import type { ForkServers } from '../fork-servers.js';

export class Environment {
  private users = 0;
  private usedAt = performance.now();

  constructor(
    readonly forks: ForkServers,
    readonly children: Children,
    /** Its modification time says when the packages were last used; null: there are none. */
    private readonly lockFile: string | null,
  ) {
    this.touch();
  }

  /** While this is held it stays open. */
  use(): Disposable {
    this.users++;
    this.touch();
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.users--;
        held = false;
        this.touch();
      },
    };
  }

  /** For how long nobody used it; 0 while somebody does. */
  get idleMs(): number {
    return this.users > 0 ? 0 : performance.now() - this.usedAt;
  }

  async close(): Promise<void> {
    this.children.close();
    await this.forks.close();
  }

  private touch(): void {
    this.usedAt = performance.now();
    if (this.lockFile === null) return;
    const now = new Date();
    try {
      utimesSync(this.lockFile, now, now);
    } catch {
      // It was removed with its folder: the packages are installed again for whoever comes next.
    }
  }
}
