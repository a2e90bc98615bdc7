/** The Nest module of library-search: its handlers and the library that they search. */
import { join } from 'node:path';
import { SERVICE, type ServiceContext } from '@hero/service-kit';
import { Module } from '@nestjs/common';
import { Follower } from './follower.js';
import { Handlers } from './handlers.js';
import { Library } from './library.js';
import { Meanings } from './meanings.js';
import { Searches } from './searches.js';
import { embedderOf, type SearchEnv } from './settings.js';

/** The system's start comes first: plays, and then the meaning of flows. */
const BEGIN_AFTER_MS = 3_000;

@Module({
  controllers: [Handlers],
  providers: [
    Searches,
    Library,
    {
      provide: Meanings,
      inject: [Library, SERVICE],
      useFactory: (library: Library, { env, log, closing }: ServiceContext<SearchEnv>) => {
        const folder = join(env.HERO_HOME, 'var', 'library-search');
        const options = { folder, log, signal: closing, beginAfterMs: BEGIN_AFTER_MS };
        return new Meanings(library, { ...embedderOf(env, closing), ...options });
      },
    },
    {
      provide: Follower,
      inject: [Library, Meanings, SERVICE],
      useFactory: (library: Library, meanings: Meanings, { bus, log, closing }: ServiceContext) =>
        new Follower(library, bus, { log, signal: closing, changed: () => meanings.changed() }),
    },
  ],
})
export class LibrarySearchModule {}
