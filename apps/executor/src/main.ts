/** Defines the executor as a service, and runs it when this file is the main module. */
import { defineService, runIfMain } from '@hero/service-kit';
import { Executor } from './executor.js';
import { ExecutorModule } from './executor.module.js';
import { executorEnv } from './settings.js';

const executor = defineService({
  name: 'executor',
  dir: import.meta.dirname,
  env: executorEnv,
  module: ExecutorModule,
  start: async ({ app }) => {
    const running = app.get(Executor);
    await running.start();
    return { stop: () => running.stop(), extraInfo: () => running.info() };
  },
});

export default executor;

await runIfMain(import.meta, executor);
