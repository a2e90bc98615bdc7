/**
 * Boots one service.
 *
 * 1. Faults are reported before anything is served: first of the environment, then of service.toml compared with the code, then of the bus.
 * 2. A stop is bounded and has an order: the service's own work, the handlers (no new requests, running ones are answered),
 *    Nest's modules, the connection.
 */
import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Bus, BusServer, connectBus, LATE, within } from '@hero/bus';
import { subjectOf } from '@hero/contracts';
import type { DynamicModule, INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { answerSelf } from './check-running.js';
import type { Parts, ServiceContext, ServiceDefinition } from './define.js';
import { readEnv, StartFault } from './env.js';
import { parseFailpoints } from './failpoint.js';
import { answerInfo } from './info.js';
import { createLog, type ProcessLog } from './log.js';
import { differences, readManifest, type ServiceFiles } from './manifest.js';
import { nestLog } from './nest-log.js';
import { paths } from './paths.js';
import { ServiceModule } from './service-module.js';
import { claimSocket } from './sockets.js';

/** Limit of a whole stop, of any number of services; a supervisor waits a little longer before it kills. */
export const STOP_WITHIN_MS = 25_000;

export interface RunningService {
  readonly name: string;
  readonly instance: string;
  readonly log: ProcessLog;
  readonly bus: Bus;
  readonly app: INestApplicationContext;
  /** May be called any number of times; all calls wait for one stop, whose limit is that of the first call. */
  stop(reason?: string, withinMs?: number): Promise<void>;
}

export interface BootOptions {
  /** Environment to read; default: that of the process. */
  env?: NodeJS.ProcessEnv;
}

export async function bootService(definition: ServiceDefinition, options: BootOptions = {}): Promise<RunningService> {
  const startedAt = new Date();
  const { name } = definition;
  const files = readManifest(definition.dir);
  const env = readEnv(name, definition.env, options.env);
  parseFailpoints(env.HERO_FAILPOINTS ?? '');
  const instance = env.HERO_INSTANCE ?? `${name}-${randomBytes(4).toString('hex')}`;
  const log = createLog({ service: name, instance, level: env.HERO_LOG_LEVEL, format: env.HERO_LOG_FORMAT });
  const bus = await connectBus({ url: env.NATS_URL, name, log });
  const closing = new AbortController();
  const claimed: string[] = [];
  const folders = paths(env.HERO_HOME);
  const context: ServiceContext = {
    name,
    instance,
    version: files.version,
    env,
    bus,
    log,
    paths: folders,
    closing: closing.signal,
    socket: async (file) => {
      claimed.push(file);
      const path = join(folders.sockets, file);
      await claimSocket(path);
      return path;
    },
  };
  let app: INestApplicationContext | undefined;
  let parts: Parts = {};
  try {
    const door = new BusServer(bus, { service: name, instance, log, drainMs: STOP_WITHIN_MS - 5_000 });
    const nest = await createApp(rootOf(context, definition.module), door, definition.http, log);
    app = nest.app;
    await nest.init();
    parts = await definition.start({ ...context, app });
    checkManifest(files, definition, door, claimed);
    await nest.listen();
    const identity = { name, instance, version: files.version, build_nr: env.HERO_BUILD_NR };
    answerInfo(bus, { ...identity, started_at: startedAt.toISOString() }, () => ({
      healthy: !closing.signal.aborted,
      ...parts.extraInfo?.(),
    }));
    answerSelf(bus, () => ({
      ...identity,
      subjects: door.subjects,
      environment: Object.keys(definition.env.shape),
      sockets: claimed,
    }));
    await bus.flush();
    const ms = Date.now() - startedAt.getTime();
    log.info({ ...identity, pid: process.pid, ms }, `${name} ${files.version} (build ${env.HERO_BUILD_NR}) is up`);
  } catch (error) {
    closing.abort();
    await Promise.allSettled([(async () => parts.stop?.())()]);
    await Promise.allSettled([app?.close()]);
    await bus.drain();
    throw error;
  }
  let stopping: Promise<void> | undefined;
  const running = { name, instance, log, bus, app };
  return {
    ...running,
    stop: (reason = 'asked to', withinMs = STOP_WITHIN_MS) => {
      stopping ??= stop({ ...running, parts, closing, reason, withinMs });
      return stopping;
    },
  };
}

class ServiceRoot {}

function rootOf(context: ServiceContext, own: DynamicModule | Type): DynamicModule {
  return { module: ServiceRoot, imports: [ServiceModule.of(context), own] };
}

interface App {
  app: INestApplicationContext;
  init(): Promise<unknown>;
  listen(): Promise<unknown>;
}

async function createApp(
  module: DynamicModule | Type,
  strategy: BusServer,
  http: boolean,
  log: ProcessLog,
): Promise<App> {
  const options = { logger: nestLog(log), abortOnError: false };
  if (!http) {
    const app = await NestFactory.createMicroservice(module, { ...options, strategy });
    return { app, init: () => app.init(), listen: () => app.listen() };
  }
  const app = await NestFactory.create(module, options);
  app.connectMicroservice({ strategy });
  return { app, init: () => app.init(), listen: () => app.startAllMicroservices() };
}

function checkManifest(files: ServiceFiles, definition: ServiceDefinition, door: BusServer, sockets: string[]): void {
  const faults = differences(files.manifest, {
    name: definition.name,
    subjects: door.contracts.map(subjectOf),
    environment: Object.keys(definition.env.shape),
    sockets,
  });
  if (faults.length > 0) throw new StartFault(`${files.file} does not say what ${definition.name} does.`, faults);
}

interface Stopping extends Omit<RunningService, 'stop'> {
  parts: Parts;
  closing: AbortController;
  reason: string;
  withinMs: number;
}

async function stop({ parts, closing, reason, withinMs, log, app, bus }: Stopping): Promise<void> {
  const since = performance.now();
  const left = (): number => withinMs - (performance.now() - since);
  log.info({ reason }, 'stopping');
  closing.abort();
  await step(log, 'own work', async () => parts.stop?.(), left());
  await step(log, 'application', () => app.close(), left());
  await step(log, 'bus', () => bus.drain(), Math.min(2_000, left()));
  if (!bus.nc.isClosed()) await bus.nc.close();
  log.info({ ms: Math.round(performance.now() - since) }, 'stopped');
}

async function step(log: ProcessLog, name: string, run: () => Promise<unknown>, ms: number): Promise<void> {
  try {
    const ended = await within(run(), Math.max(100, ms));
    if (ended === LATE) log.warn({ step: name }, 'a step of stopping takes too long; stopping goes on without it');
  } catch (err) {
    log.error({ err, step: name }, 'a step of stopping failed');
  }
}
