/** The Nest module of library-search: its handlers and the library that they search. */
import { SERVICE, type ServiceContext } from '@hero/service-kit';
import { Module } from '@nestjs/common';
import { Follower } from './follower.js';
import { Handlers } from './handlers.js';
import { Library } from './library.js';
import { Searches } from './searches.js';

@Module({
  controllers: [Handlers],
  providers: [
    Searches,
    Library,
    {
      provide: Follower,
      inject: [Library, SERVICE],
      useFactory: (library: Library, { bus, log, closing }: ServiceContext) =>
        new Follower(library, bus, { log, signal: closing }),
    },
  ],
})
export class LibrarySearchModule {}
