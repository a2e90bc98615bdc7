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
import { OwnStorer } from './storer.js';
import { Threads } from './threads.js';

/** Four connections are the writers', the others answer questions. */
const POOL = 10;

function openIntake(database: Database, bus: Bus, service: ServiceContext<{ DATABASE_URL: string }>): Intake {
  const { env, instance, log } = service;
  const { DATABASE_URL: databaseUrl, HERO_LOG_LEVEL: logLevel, HERO_LOG_FORMAT: logFormat } = env;
  const own = new OwnStorer(new Ingest(database, log), log);
  return new Intake(new Threads(own, { databaseUrl, instance, logLevel, logFormat }, log), bus, log);
}

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
