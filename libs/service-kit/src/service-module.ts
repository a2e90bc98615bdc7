/**
 * The providers that every service gets: a class of a service injects what it needs, so nothing is passed down through
 * settings. `bootService` adds this module to each service’s own module.
 */
import { Bus } from '@hero/bus';
import { type DynamicModule, Module } from '@nestjs/common';
import type { ServiceContext } from './define.js';

/** `@Inject(LOG) log: Log` */
export const LOG = Symbol('hero log');
/** `@Inject(ENV) env: MyEnv & BaseEnv`: read with the schema of the service's definition. */
export const ENV = Symbol('hero environment');
/** `@Inject(SERVICE) service: ServiceContext<MyEnv>`: all of it, with the instance's name and the signal that it stops. */
export const SERVICE = Symbol('hero service');

/** The providers `Bus`, LOG, ENV and SERVICE, for every module of a service. */
@Module({})
export class ServiceModule {
  static of(context: ServiceContext): DynamicModule {
    const providers = [
      { provide: Bus, useValue: context.bus },
      { provide: LOG, useValue: context.log },
      { provide: ENV, useValue: context.env },
      { provide: SERVICE, useValue: context },
    ];
    return { module: ServiceModule, global: true, providers, exports: providers.map(({ provide }) => provide) };
  }
}
