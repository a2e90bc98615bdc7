import type { ServiceContext } from '@hero/service-kit';
import { type DynamicModule, Module } from '@nestjs/common';
import { Executor } from './executor.js';
import { ExecutorHandlers } from './handlers.js';
import { Inspections } from './inspections.js';
import type { ExecutorEnv } from './settings.js';

@Module({})
export class ExecutorModule {
  static async for(context: ServiceContext<ExecutorEnv>): Promise<DynamicModule> {
    const executor = await Executor.open(context);
    return {
      module: ExecutorModule,
      controllers: [ExecutorHandlers],
      providers: [
        { provide: Executor, useValue: executor },
        { provide: Inspections, useValue: executor.inspections },
      ],
    };
  }
}
