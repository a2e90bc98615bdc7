import { z } from 'zod';
import { Time } from './values.js';

export const SearchState = z.object({
  mode: z
    .enum(['words', 'hybrid'])
    .describe('words: by words alone; hybrid: by words and by meaning (an embedding model).'),
  reason: z.string().describe('Why the search has this mode.'),
  flows: z.int().describe('Flows in the index.'),
  embedded: z.int().describe('Flows whose meaning is known.'),
});
export type SearchState = z.infer<typeof SearchState>;

/** What one instance of a service answers on `hero.info`. */
export const ServiceInfo = z.object({
  name: z.string(),
  instance: z.string(),
  host: z.string(),
  pid: z.int(),
  version: z.string(),
  build_nr: z.string(),
  started_at: Time,
  healthy: z.boolean(),
  slots: z.int().optional(),
  busy: z.int().optional(),
  search: SearchState.optional().describe('Only of library-search.'),
  sandbox: z.string().optional().describe('Only of executors: the level that is really enforced on their plays.'),
});
export type ServiceInfo = z.infer<typeof ServiceInfo>;

export const SystemStatus = z.object({
  services: z.array(ServiceInfo),
  nats: z.object({ url: z.string(), version: z.string(), embedded: z.boolean(), pid: z.int().optional() }),
  postgres: z.object({
    version: z.string().nullable().describe('Null: the registry does not answer.'),
    embedded: z.boolean(),
    pid: z.int().optional(),
  }),
  sandbox: z.string().describe('The weakest level that an executor really enforces; without executors, the setting.'),
  search: SearchState.nullable().describe('How the library is searched. Null: library-search does not answer.'),
  queue: z
    .object({ pending: z.int(), running: z.int(), awaiting_resume: z.int() })
    .nullable()
    .describe('Plays by state. Null: the registry does not answer.'),
});
export type SystemStatus = z.infer<typeof SystemStatus>;
