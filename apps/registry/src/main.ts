/** Defines the registry as a service, and runs it when this file is the main module. */
import { defineService, heroEnv, runIfMain } from '@hero/service-kit';
import { z } from 'zod';
import { Background } from './background.js';
import { RegistryModule } from './registry.module.js';

const registry = defineService({
  name: 'registry',
  dir: import.meta.dirname,
  env: z.object({ DATABASE_URL: heroEnv.DATABASE_URL }),
  module: RegistryModule,
  start: async ({ app, log }) => {
    const background = app.get(Background);
    await background.start(log);
    return { stop: () => background.stop() };
  },
});

export default registry;
await runIfMain(import.meta, registry);
