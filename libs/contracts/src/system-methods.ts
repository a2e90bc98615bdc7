/** Contracts of the methods that concern the whole system. */
import { z } from 'zod';
import { contract } from './contract.js';
import { SystemStatus } from './system.js';
import { JsonObject } from './values.js';

export const systemStatus = contract({
  name: 'system_status',
  service: 'admin-gateway',
  summary: 'Services, executors and their slots, NATS, PostgreSQL, sandbox level and queue.',
  params: z.strictObject({}),
  result: SystemStatus,
  idempotent: true,
});

export const rpcDiscover = contract({
  name: 'rpc.discover',
  service: 'admin-gateway',
  summary: 'The OpenRPC document of this gateway.',
  params: z.strictObject({}),
  result: JsonObject,
  idempotent: true,
});

/** Inner: the part of system_status that only the registry knows. */
export const registryStatus = contract({
  name: 'registry_status',
  service: 'registry',
  visibility: 'inner',
  summary: 'PostgreSQL’s version and the numbers of plays by state.',
  params: z.strictObject({}),
  result: z.object({
    postgres_version: z.string(),
    queue: z.object({ pending: z.int(), running: z.int(), awaiting_resume: z.int() }),
  }),
  idempotent: true,
});
