/** Defines the gateway as a service, and runs it when this file is the main module. */
import { defineService, runIfMain } from '@hero/service-kit';
import { z } from 'zod';
import { AdminGatewayModule } from './admin-gateway.module.js';
import { openGateway } from './gateway.js';

const env = z.object({
  HERO_HTTP_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(9820)
    .describe('Port of the HTTP API and the admin; 0 picks a free one.'),
  HERO_HTTP_HOST: z
    .enum(['127.0.0.1', 'localhost', '::1'], 'only loopback is served so far: anything else needs TLS')
    .default('127.0.0.1')
    .describe('Leave it out, or set 127.0.0.1 or ::1; for access from elsewhere put a tunnel (ssh -L) in front.'),
  HERO_SANDBOX: z
    .enum(['off', 'default', 'strict'])
    .default('default')
    .describe('Isolation level of plays: off, default or strict; shown by system_status.'),
});

const service = defineService({
  name: 'admin-gateway',
  dir: import.meta.dirname,
  env,
  module: AdminGatewayModule,
  start: async ({ bus, log, env: { HERO_HOME, HERO_HTTP_HOST, HERO_HTTP_PORT }, socket, closing }) => {
    const gateway = await openGateway({
      bus,
      log,
      home: HERO_HOME,
      host: HERO_HTTP_HOST,
      port: HERO_HTTP_PORT,
      rpcSocket: await socket('rpc.sock'),
      adminSocket: await socket('admin.sock'),
      closing,
    });
    return { stop: () => gateway.close() };
  },
});

export default service;
await runIfMain(import.meta, service);
