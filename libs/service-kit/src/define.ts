import type { Bus, Log } from '@hero/bus';
import type { ServiceName } from '@hero/contracts';
import type { DynamicModule, INestApplicationContext, Type } from '@nestjs/common';
import { z } from 'zod';
import type { BaseEnv } from './env.js';
import type { ExtraInfo } from './info.js';
import type { Paths } from './paths.js';

/** The context of a service, which its providers and `start` get. */
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

/** The result of `start`. */
export interface Parts {
  /** The first step of a stop, while requests are still answered. The whole stop is limited to 25 s. */
  stop?(): Promise<void> | void;
  /** Fields that are added to the answer on `hero.info`: slots, busy, healthy. */
  extraInfo?(): ExtraInfo;
}

interface ServiceOptions<S extends z.ZodObject> {
  name: ServiceName;
  /** `import.meta.dirname` of its main: service.toml is there or one above. */
  dir: string;
  /** The environment variables that it reads in addition to those of all services. */
  env?: S;
  /** Its own module, whose classes can inject `Bus`, LOG, ENV and SERVICE (service-module.ts). */
  module: DynamicModule | Type;
  /** Runs when the application is up, before it accepts requests. */
  start?(service: StartedService<z.output<S>>): Promise<Parts | void> | Parts | void;
  /** Gives the application an Express adapter, `app.getHttpAdapter().getInstance()`; it listens nowhere by itself. */
  http?: boolean;
}

/** A service without its type parameters; `start` takes an environment that was read with its own schema. */
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
    // `env` was read with the schema of this definition (bootService).
    start: async (service) => (await options.start?.(service as StartedService<z.output<S>>)) ?? {},
  };
}
