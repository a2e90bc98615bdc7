/** The Nest module of span-ingest: its handlers, database and store. */
import { Bus } from '@hero/bus';
import { Database, PersistenceModule } from '@hero/persistence';
import { SERVICE, type ServiceContext } from '@hero/service-kit';
import { Module } from '@nestjs/common';
import { Handlers } from './handlers.js';
import { History } from './history.js';
import { Ingest } from './numbering.js';
import { Intake } from './intake.js';
import { Pushes } from './pushes.js';
import { Reach } from './reach.js';
import { Storer } from './storer.js';

/** Four connections are the writers', the others answer questions. */
const POOL = 10;

const openIntake = (database: Database, bus: Bus, { log }: ServiceContext): Intake =>
  new Intake(new Storer(new Ingest(database, log), log), bus, log);

@Module({
  imports: [
    PersistenceModule.forService({
      schema: 'spans',
      migrationsDir: `${import.meta.dirname}/migrations`,
      poolSize: POOL,
    }),
  ],
  controllers: [Handlers],
  providers: [{ provide: Intake, inject: [Database, Bus, SERVICE], useFactory: openIntake }, Pushes, History, Reach],
})
export class SpanIngestModule {}
