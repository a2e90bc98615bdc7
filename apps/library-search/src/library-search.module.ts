import type { ServiceContext } from '@hero/service-kit';
import { type DynamicModule, Module } from '@nestjs/common';
import { Follower } from './follower.js';
import { Handlers } from './handlers.js';
import { Library } from './library.js';
import { Searches } from './searches.js';

@Module({})
export class LibrarySearchModule {
  static for({ bus, log, closing }: Pick<ServiceContext, 'bus' | 'log' | 'closing'>): DynamicModule {
    const library = new Library();
    const follower = new Follower(library, bus, { log, signal: closing });
    return {
      module: LibrarySearchModule,
      controllers: [Handlers],
      providers: [Searches, { provide: Library, useValue: library }, { provide: Follower, useValue: follower }],
    };
  }
}
