import type { Bus, Log } from '@hero/bus';
import { Database, PersistenceModule } from '@hero/persistence';
import { type DynamicModule, Module } from '@nestjs/common';
import { Handlers } from './handlers.js';
import { History } from './history.js';
import { Ingest } from './ingest.js';
import { Intake } from './intake.js';
import { Pushes } from './pushes.js';
import { OwnStorer } from './storer.js';
import { Threads, type ThreadSettings } from './threads.js';

export interface SpanIngestSettings {
  bus: Bus;
  log: Log;
  thread: ThreadSettings;
}

/** Four connections are the lanes', the others answer questions. */
const POOL = 10;

@Module({})
export class SpanIngestModule {
  static with({ bus, log, thread }: SpanIngestSettings): DynamicModule {
    const migrationsDir = `${import.meta.dirname}/migrations`;
    return {
      module: SpanIngestModule,
      imports: [
        PersistenceModule.forService({ url: thread.databaseUrl, schema: 'spans', migrationsDir, poolSize: POOL, log }),
      ],
      controllers: [Handlers],
      providers: [
        { provide: Ingest, inject: [Database], useFactory: (database: Database) => new Ingest(database, log) },
        {
          provide: Intake,
          inject: [Ingest],
          useFactory: (ingest: Ingest) => new Intake(new Threads(new OwnStorer(ingest, log), thread, log), bus, log),
        },
        { provide: Pushes, inject: [Intake], useFactory: (intake: Intake) => new Pushes(intake) },
        { provide: History, inject: [Database], useFactory: (database: Database) => new History(database, bus) },
      ],
    };
  }
}
