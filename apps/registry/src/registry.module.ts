import { Bus } from '@hero/bus';
import { PersistenceModule } from '@hero/persistence';
import type { Log } from '@hero/service-kit';
import { type DynamicModule, Module } from '@nestjs/common';
import { Background } from './background.js';
import { ChildStore } from './child-store.js';
import { Children } from './children.js';
import { ForkStore } from './fork-store.js';
import { Forks } from './forks.js';
import { Hooks } from './hooks.js';
import { LeaseStore } from './lease-store.js';
import { Leases } from './leases.js';
import { Memory } from './memory.js';
import { MoveStore } from './move-store.js';
import { OutboxStore } from './outbox-store.js';
import { Pauses } from './pauses.js';
import { PlayHandlers } from './play-handlers.js';
import { PlayStore } from './play-store.js';
import { Plays } from './plays.js';
import { Reconciler } from './reconciler.js';
import { Relay } from './relay.js';
import { ResumeStore } from './resume-store.js';
import { Resumes } from './resumes.js';
import { RetryStore } from './retry-store.js';
import { RunHandlers } from './run-handlers.js';
import { RunStore } from './run-store.js';
import { Runs } from './runs.js';
import { Sources } from './sources.js';
import { Spawns } from './spawns.js';
import { StartStore } from './start-store.js';
import { Starts } from './starts.js';
import { StepStore } from './step-store.js';
import { Steps } from './steps.js';
import { Versions } from './versions.js';
import { Waits } from './waits.js';
import { Wakes } from './wakes.js';
import { WorkflowDeletion } from './workflow-deletion.js';
import { WorkflowHandlers } from './workflow-handlers.js';
import { WorkflowStore } from './workflow-store.js';
import { Workflows } from './workflows.js';

export interface RegistrySettings {
  bus: Bus;
  log: Log;
  databaseUrl: string;
}

/** Claims, commits and ends of many plays at once; each holds a connection for a millisecond. */
const POOL = 12;

const stores = [
  ChildStore,
  ForkStore,
  LeaseStore,
  MoveStore,
  OutboxStore,
  PlayStore,
  ResumeStore,
  RetryStore,
  RunStore,
  StartStore,
  StepStore,
  WorkflowStore,
];
const plays = [
  Children,
  Forks,
  Hooks,
  Leases,
  Memory,
  Pauses,
  Plays,
  Reconciler,
  Relay,
  Resumes,
  Runs,
  Spawns,
  Starts,
  Steps,
  Waits,
  Wakes,
];
const workflows = [Sources, Versions, WorkflowDeletion, Workflows];

@Module({})
export class RegistryModule {
  static with({ bus, log, databaseUrl }: RegistrySettings): DynamicModule {
    const migrationsDir = `${import.meta.dirname}/migrations`;
    return {
      module: RegistryModule,
      imports: [
        PersistenceModule.forService({ url: databaseUrl, schema: 'registry', migrationsDir, poolSize: POOL, log }),
      ],
      controllers: [PlayHandlers, RunHandlers, WorkflowHandlers],
      providers: [{ provide: Bus, useValue: bus }, ...stores, ...plays, ...workflows, Background],
    };
  }
}
