import type { Bus } from '@hero/bus';
import { type DynamicModule, Module } from '@nestjs/common';
import { BUS, FACTS, type Facts, Handlers } from './handlers.js';

@Module({})
export class AdminGatewayModule {
  static with(bus: Bus, facts: Facts): DynamicModule {
    return {
      module: AdminGatewayModule,
      controllers: [Handlers],
      providers: [
        { provide: BUS, useValue: bus },
        { provide: FACTS, useValue: facts },
      ],
    };
  }
}
