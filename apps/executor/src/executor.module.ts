/** The Nest module of the executor: its handlers and what they need. */
import { SERVICE, type ServiceContext } from '@hero/service-kit';
import { Module } from '@nestjs/common';
import { Executor } from './executor.js';
import { ExecutorHandlers } from './handlers.js';
import { Inspections } from './inspections.js';
import type { ExecutorEnv } from './settings.js';

@Module({
  controllers: [ExecutorHandlers],
  providers: [
    {
      provide: Executor,
      inject: [SERVICE],
      useFactory: (service: ServiceContext<ExecutorEnv>) => Executor.open(service),
    },
    { provide: Inspections, inject: [Executor], useFactory: ({ inspections }: Executor) => inspections },
  ],
})
export class ExecutorModule {}
