/** The Nest module of the registry: its handlers, services and stores. */
import { PersistenceModule } from '@hero/persistence';
import { Module } from '@nestjs/common';
import { Answers } from './waits/answers.js';
import { Asks } from './waits/asks.js';
import { Background } from './background.js';
import { Checks } from './schema-checks/checks.js';
import { ChildStore } from './waits/child-store.js';
import { Children } from './waits/children.js';
import { ForkStore } from './plays/fork-store.js';
import { Forks } from './plays/forks.js';
import { Hooks } from './waits/hooks.js';
import { LeaseStore } from './runs/lease-store.js';
import { Leases } from './runs/leases.js';
import { Memory } from './runs/memory.js';
import { MemoryStore } from './runs/memory-store.js';
import { MoveStore } from './life/move-store.js';
import { OutboxStore } from './outbox/outbox-store.js';
import { PackageHandlers } from './doors/package-handlers.js';
import { Packages } from './workflows/packages.js';
import { PackageStore } from './workflows/package-store.js';
import { Pauses } from './waits/pauses.js';
import { PlayHandlers } from './doors/play-handlers.js';
import { PayloadStore } from './plays/payload-store.js';
import { Payloads } from './plays/payloads.js';
import { PlayStore } from './plays/play-store.js';
import { Cancels } from './plays/cancels.js';
import { Plays } from './plays/plays.js';
import { LinkStore } from './waits/link-store.js';
import { PrefillStore } from './waits/prefill-store.js';
import { Questions } from './waits/questions.js';
import { Reconciler } from './outbox/reconciler.js';
import { Relay } from './outbox/relay.js';
import { ResumeStore } from './waits/resume-store.js';
import { Retries } from './plays/retries.js';
import { RetryStore } from './plays/retry-store.js';
import { RunHandlers } from './doors/run-handlers.js';
import { RunStore } from './runs/run-store.js';
import { Runs } from './runs/runs.js';
import { Sources } from './workflows/sources.js';
import { Spawns } from './waits/spawns.js';
import { StartStore } from './plays/start-store.js';
import { Starts } from './plays/starts.js';
import { StepStore } from './runs/step-store.js';
import { Steps } from './runs/steps.js';
import { TimerStore } from './waits/timer-store.js';
import { Timers } from './waits/timers.js';
import { Versions } from './workflows/versions.js';
import { PlayWait } from './plays/play-wait.js';
import { Wakes } from './waits/wakes.js';
import { WorkflowDeletion } from './plays/workflow-deletion.js';
import { WorkflowHandlers } from './doors/workflow-handlers.js';
import { WorkflowStore } from './workflows/workflow-store.js';
import { Workflows } from './workflows/workflows.js';

/** Claims, commits and ends of many plays at once; each holds a connection for a millisecond. */
const POOL = 12;

const stores = [
  ChildStore,
  ForkStore,
  LeaseStore,
  MemoryStore,
  MoveStore,
  OutboxStore,
  PackageStore,
  PayloadStore,
  PlayStore,
  LinkStore,
  PrefillStore,
  ResumeStore,
  RetryStore,
  RunStore,
  StartStore,
  StepStore,
  TimerStore,
  WorkflowStore,
];
const plays = [
  Answers,
  Asks,
  Cancels,
  Checks,
  Children,
  Forks,
  Hooks,
  Leases,
  Memory,
  Pauses,
  Payloads,
  PlayWait,
  Plays,
  Questions,
  Reconciler,
  Relay,
  Retries,
  Runs,
  Spawns,
  Starts,
  Steps,
  Timers,
  Wakes,
];
const workflows = [Packages, Sources, Versions, WorkflowDeletion, Workflows];

@Module({
  imports: [
    PersistenceModule.forService({
      schema: 'registry',
      migrationsDir: `${import.meta.dirname}/migrations`,
      poolSize: POOL,
    }),
  ],
  controllers: [PackageHandlers, PlayHandlers, RunHandlers, WorkflowHandlers],
  providers: [...stores, ...plays, ...workflows, Background],
})
export class RegistryModule {}
