/** Defines span-ingest as a service, and runs it when this file is the main module. */
import { defineService, heroEnv, runIfMain } from '@hero/service-kit';
import { z } from 'zod';
import { Intake } from './intake.js';
import { SpanIngestModule } from './span-ingest.module.js';

const spanIngest = defineService({
  name: 'span-ingest',
  dir: import.meta.dirname,
  env: z.object({ DATABASE_URL: heroEnv.DATABASE_URL }),
  module: SpanIngestModule,
  start: ({ app }) => {
    const intake = app.get(Intake);
    intake.start();
    return { stop: () => intake.stop() };
  },
});

export default spanIngest;
await runIfMain(import.meta, spanIngest);
