import { z } from 'zod';
import { anyJson } from './json.js';
import { RawJson } from './raw-json.js';

/**
 * Building blocks of every shape. All times are ISO 8601 UTC with milliseconds; all keys are snake_case.
 *
 * The gateway and the service that answers both check parameters with these types, so no handler checks again that an identifier
 * fits a NATS subject, or that PostgreSQL can store a text and UTF-8 can encode it.
 */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Why a text cannot be stored, or undefined. */
export function textFault(text: string): string | undefined {
  if (text.includes('\0')) return 'must not contain the NUL character';
  if (LONE_SURROGATE.test(text)) return 'must not contain a lone surrogate (half of a character)';
  return undefined;
}

/** Text that can be stored. */
export const Text = z.string().superRefine((text, context) => {
  const message = textFault(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});
/** A UUIDv7 if the runtime made it. Any sid is one token of a NATS subject: no dots, blanks or wildcards. */
export const Sid = z
  .string()
  .regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, _ and -')
  .describe('Identifier of a stored thing (a UUIDv7).');
/** Id of a question or of another wait; derived from its place, so that it is the same in every attempt. */
export const ResumeId = z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 hexadecimal digits');
export const Time = z.string().describe('ISO 8601 UTC with milliseconds, e.g. 2026-11-21T09:30:00.000Z.');
export const Json = anyJson.describe('Any JSON value.');
export type Json = z.infer<typeof Json>;
export const JsonObject = z.record(z.string(), anyJson).describe('A JSON object.');
export type JsonObject = z.infer<typeof JsonObject>;
/** JSON text as a value of a reply; see RawJson. */
export const rawJson = (text: string): Json => new RawJson(text) as unknown as Json;
/** Replies and events have a ValueRef in place of a larger value. */
export const INLINE_LIMIT = 64 * 1024;
/**
 * Replaces a value that is too large for a reply; `play_payload` fetches the value. A user's value that has these two keys
 * is always replaced too, so everything that looks like a reference is one.
 */
export const ValueRef = z.object({ $size: z.int().describe('Bytes of its JSON text.'), $ref: z.string() });
export type ValueRef = z.infer<typeof ValueRef>;
export const isRef = (value: unknown): value is ValueRef =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, '$ref') && Object.hasOwn(value, '$size');
/** A value, or a reference to it if it is large. */
export const orRef = <T extends z.ZodType>(value: T) =>
  z.union([ValueRef, value]).describe('A value of more than 64 KiB, or beyond 512 KiB of one reply, is a ValueRef.');
/** JSON text that the runtime carries without parsing it, so that 1.0 stays 1.0 and key order is kept. */
export const JsonText = z.string().describe('JSON text, passed through unchanged.');
/** Name of a workflow, a play or a question. It counts characters as the SDK does: an emoji is one. */
export const Name = Text.regex(/^\P{Cc}{1,200}$/u, 'must be 1 to 200 characters, none of them a control character');

export const Limit = z.int().min(1).max(500).default(50).describe('Page size, 1 to 500.');
export const Cursor = z.string().max(500).describe('`next_cursor` of the page before.');
export const paged = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() });
export const Ok = z.object({ ok: z.literal(true) });
