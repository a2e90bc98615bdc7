/** The part of the registry for workflows, on a bus and a database of its own. */
import { setTimeout as delay } from 'node:timers/promises';
import { Bus, BusServer, connectBus, Handle } from '@hero/bus';
import { type DeclaredFlow, type Inspection, inspectSource, type Params } from '@hero/contracts';
import { Database, migrate } from '@hero/persistence';
import { type TestServer, testDatabase, testNats } from '@hero/testing';
import { Controller, type INestMicroservice, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sources } from '../src/workflows/sources.js';
import { Versions } from '../src/workflows/versions.js';
import { WorkflowStore } from '../src/workflows/workflow-store.js';
import { Workflows } from '../src/workflows/workflows.js';

/** The declarations that the fake executor reads from a source; missing fields are empty. */
export type Declared = Partial<Inspection> & { delay_ms?: number };

const flow = (name: string): DeclaredFlow => ({ name, function: name, line: 3, is_async: false, source_sha256: 'f' });

/** A source whose second line has the result of parsing it, so that these tests need no Python. */
export const source = (declared: Declared = {}, body = 'pass'): string =>
  `from hero_tracing import flow\n# ${JSON.stringify(declared)}\ndef main(): ${body}\n`;

function read(text: string): Declared {
  const line = text.split('\n')[1] ?? '';
  return JSON.parse(line.slice(2)) as Declared;
}

/** A fake executor that inspects sources. */
@Controller()
export class ExecutorDoor {
  @Handle(inspectSource) async inspect(p: Params<typeof inspectSource>): Promise<Inspection> {
    const { delay_ms = 0, ...declared } = read(p.python_source);
    if (delay_ms > 0) await delay(delay_ms);
    const nothing = { description: '', tags: [], inputs: [], outputs: [], requirements: [], options: {}, issues: [] };
    return { entry: 'main', name: 'main', ...nothing, flows: [flow('main')], ...declared };
  }
}

export async function serve(bus: Bus, service: string, controller: Type, providers: object[] = []) {
  @Module({ controllers: [controller], providers: providers as [] })
  class Service {}
  const strategy = new BusServer(bus, { service });
  const app: INestMicroservice = await NestFactory.createMicroservice(Service, {
    strategy,
    logger: false,
    abortOnError: false,
  });
  await app.listen();
  return app;
}

const migrationsDir = `${import.meta.dirname}/../src/migrations`;
const migrated = async (url: string): Promise<void> => {
  await migrate({ url, schema: 'registry', migrationsDir });
};

export interface WorkflowService extends AsyncDisposable {
  readonly nats: TestServer;
  readonly bus: Bus;
  readonly database: Database;
  readonly workflows: Workflows;
  readonly versions: Versions;
  readonly store: WorkflowStore;
  /** Stops the fake executor. */
  stopExecutor(): Promise<void>;
}

export async function workflowService(options: { executor?: boolean } = {}): Promise<WorkflowService> {
  const nats = await testNats();
  const testing = await testDatabase(migrated, 'registry');
  const database = new Database({ url: testing.url, schema: 'registry' });
  const bus = await connectBus({ url: nats.url, name: 'registry' });
  const executor = options.executor === false ? undefined : await serve(bus, 'executor', ExecutorDoor);
  const store = new WorkflowStore(database);
  const workflows = new Workflows(store, new Sources(bus), bus);
  return {
    nats,
    bus,
    database,
    store,
    workflows,
    versions: new Versions(store),
    stopExecutor: async () => void (await executor?.close()),
    async [Symbol.asyncDispose]() {
      await executor?.close();
      await bus.drain();
      await database.close();
      await testing[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
    },
  };
}
