import type { Bus, Log } from '@hero/bus';
import type { ServiceName } from '@hero/contracts';
import type { DynamicModule, INestApplicationContext, Type } from '@nestjs/common';
import { z } from 'zod';
import type { BaseEnv } from './env.js';
import type { ExtraInfo } from './info.js';
import type { Paths } from './paths.js';

/** What a service is built from: given to its providers and to `start`. */
export interface ServiceContext<E = unknown> {
  readonly name: ServiceName;
  /** Unique among all running instances; a NATS token. */
  readonly instance: string;
  readonly version: string;
  readonly env: E & BaseEnv;
  readonly bus: Bus;
  readonly log: Log;
  readonly paths: Paths;
  /** Aborted when the service begins to stop. */
  readonly closing: AbortSignal;
  /** Claims a socket that service.toml declares, and returns its path: a stale one is removed, a live one respected. */
  socket(name: string): Promise<string>;
}

export interface StartedService<E = unknown> extends ServiceContext<E> {
  /** The Nest application: `app.get(Token)`. */
  readonly app: INestApplicationContext;
}

/** What `start` may give back. */
export interface Parts {
  /** First step of stopping, while questions are still answered. Bounded: 25 s for stopping as a whole. */
  stop?(): Promise<void> | void;
  /** Joined to what the service answers on `hero.info`: slots, busy, healthy. */
  extraInfo?(): ExtraInfo;
}

interface ServiceOptions<S extends z.ZodObject> {
  name: ServiceName;
  /** `import.meta.dirname` of its main: service.toml is there or one above. */
  dir: string;
  /** What it reads from its environment besides what all services do. */
  env?: S;
  /** Its own module. What it is given, it injects: `Bus`, LOG, ENV, SERVICE (service-module.ts). */
  module: DynamicModule | Type;
  /** Runs when the application is up and before questions are taken. */
  start?(service: StartedService<z.output<S>>): Promise<Parts | void> | Parts | void;
  /** Gives the application an Express adapter, `app.getHttpAdapter().getInstance()`; it listens nowhere by itself. */
  http?: boolean;
}

/** A service with its types folded away: what is left takes an environment that its own schema has read. */
export interface ServiceDefinition {
  readonly name: ServiceName;
  readonly dir: string;
  readonly env: z.ZodObject;
  readonly http: boolean;
  readonly module: DynamicModule | Type;
  start(service: StartedService): Promise<Parts>;
}

export function defineService<S extends z.ZodObject = z.ZodObject<Record<never, never>>>(
  options: ServiceOptions<S>,
): ServiceDefinition {
  const { name, dir, module, env = z.object({}), http = false } = options;
  return {
    name,
    dir,
    env,
    http,
    module,
    // `env` was read with this definition's own schema: see bootService.
    start: async (service) => (await options.start?.(service as StartedService<z.output<S>>)) ?? {},
  };
}
