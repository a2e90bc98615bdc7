import { z } from 'zod';
import { anyJson } from './json.js';

/** Building blocks of every shape. All times are ISO 8601 UTC with milliseconds; all keys are snake_case. */
export const Sid = z.string().min(1).max(64).describe('Identifier of a stored thing (a UUIDv7).');
export const Time = z.string().describe('ISO 8601 UTC with milliseconds, e.g. 2026-11-21T09:30:00.000Z.');
export const Json = anyJson.describe('Any JSON value.');
export type Json = z.infer<typeof Json>;
export const JsonObject = z.record(z.string(), anyJson).describe('A JSON object.');
export type JsonObject = z.infer<typeof JsonObject>;
/** JSON text that the runtime carries without parsing it, so that 1.0 stays 1.0 and key order is kept. */
export const JsonText = z.string().describe('JSON text, carried as it is.');
export const Name = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}]+$/u, 'must not contain control characters');

export const Limit = z.int().min(1).max(500).default(50).describe('Page size, 1 to 500.');
export const Cursor = z.string().max(500).describe('`next_cursor` of the page before.');
export const paged = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() });
export const Ok = z.object({ ok: z.literal(true) });
