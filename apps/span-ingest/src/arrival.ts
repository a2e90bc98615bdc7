/**
 * The edge: a message of the telemetry stream becomes a batch that can be stored.
 *
 * 1. A malformed event is replaced by `dropped {count: 1}` in its place, and its batch goes on (I10, I12).
 * 2. A message that is not a batch becomes one `dropped` in the history of the play that its subject names.
 * 3. NUL and lone surrogates become U+FFFD: PostgreSQL refuses the first, UTF-8 the second.
 * 4. Whatever else is in it is kept byte for byte: the bytes of the message are what is stored. They are parsed once.
 */
import { isUtf8 } from 'node:buffer';
import type { Log } from '@hero/bus';
import { isRef, messageOf } from '@hero/contracts';
import { droppedFor, faultOf, type KnownEvent } from './event-shape.js';
import { eventCuts } from './slices.js';
import type { RawBatch } from './raw-batch.js';
import { isRecord, wellFormed } from '@hero/json';

export interface Envelope {
  readonly play_sid: string;
  readonly attempt: number;
  readonly source: string;
  readonly batch: number;
}

/** One batch on its way into the database. */
export interface Arrival extends Envelope {
  readonly events: readonly KnownEvent[];
  /** The EventBatch as JSON, and where its events stand in it (slices.ts). */
  readonly body: Buffer;
  readonly cuts: readonly number[];
  /** By span_push: refused where the play is unknown or final, and stamped with the play's attempt. */
  readonly pushed: boolean;
}

/** Rough on purpose: a hit only costs a look at each string. */
const isSuspect = (text: string): boolean => text.includes('\\u') && SUSPECT.test(text);
const SUSPECT = /\\u(?:0000|d[89a-f])/i;
const INT_LIMIT = 2 ** 31 - 1;
const SOURCE_LIMIT = 200;
const SID_LIMIT = 64;

export function arrive({ play_sid, stream_seq, line, data, pushed }: RawBatch, log: Log): Arrival {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const text = bytes.toString('utf8');
  const read = readBatch(text, play_sid);
  if (typeof read === 'string') {
    log.error({ play_sid, stream_seq, line, fault: read }, 'unreadable batch replaced by a dropped event');
    // Each line of a message has an identity of its own, the same at each delivery.
    const envelope = { play_sid, attempt: 0, source: `unreadable-${stream_seq}`, batch: 1 + line };
    return arrival(envelope, [droppedFor(undefined, `unreadable: ${read}`)]);
  }
  const { envelope, given } = read;
  if (!isSuspect(text) && given.every((event) => faultIn(event) === undefined && !isDisguised(event))) {
    const body = isUtf8(bytes) ? bytes : Buffer.from(text);
    const cuts = eventCuts(body, given.length, given.every(isTypeFirst));
    if (cuts) return { ...envelope, events: given as KnownEvent[], body, cuts, pushed };
  }
  const faults: string[] = [];
  const sound = given.map((event) => soundOf(event, faults));
  if (faults.length > 0) {
    log.error({ ...envelope, events: faults.length, first: faults[0] }, 'malformed events replaced by dropped events');
  }
  return arrival(envelope, sound, pushed);
}

function isTypeFirst(event: unknown): boolean {
  for (const key in event as object) return key === 'type';
  return false;
}

/** The event without what cannot be stored, or what stands for it (1). */
function soundOf(event: unknown, faults: string[]): KnownEvent {
  let fault = faultIn(event);
  try {
    const sound = wellFormed(event) as KnownEvent;
    if (fault === undefined && JSON.stringify(sound)) return isDisguised(sound) ? undisguised(sound) : sound;
  } catch (error) {
    // Nested deeper than this process can walk.
    fault = messageOf(error);
  }
  faults.push(String(fault));
  return droppedFor(event, `malformed: ${fault}`);
}

/** An output of a user that looks like a reference is referred to itself, so that what looks like one is one. */
const isDisguised = (event: unknown): boolean => isRecord(event) && isRef(event.output);
const undisguised = (event: KnownEvent): KnownEvent =>
  ({ ...event, output: undefined, output_omitted: true }) as KnownEvent;

const faultIn = (event: unknown): string | undefined => (isRecord(event) ? faultOf(event) : 'it is no object');

/** An arrival of events that are known to be good. */
export function arrival(envelope: Envelope, events: readonly KnownEvent[], pushed = false): Arrival {
  const { play_sid, attempt, source, batch } = envelope;
  const head = Buffer.from(`${JSON.stringify({ play_sid, attempt, source, batch }).slice(0, -1)},"events":[`);
  const cuts: number[] = [];
  const parts = [head];
  let at = head.length;
  for (const [index, event] of events.entries()) {
    const text = Buffer.from(`${index > 0 ? ',' : ''}${JSON.stringify(event)}`);
    cuts.push(index > 0 ? at + 1 : at, at + text.length);
    at += text.length;
    parts.push(text);
  }
  const body = Buffer.concat([...parts, Buffer.from(']}')]);
  return { play_sid, attempt, source, batch, events, body, cuts, pushed };
}

function readBatch(text: string, playSid: string): { envelope: Envelope; given: unknown[] } | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  if (!isRecord(value)) return 'it is no object';
  const { play_sid, attempt, source, batch, events } = value;
  if (play_sid !== playSid || playSid.length > SID_LIMIT) return 'play_sid is not that of its subject';
  if (!isNumber(attempt, 0)) return 'attempt';
  if (!isNumber(batch, 1)) return 'batch';
  if (typeof source !== 'string' || source.length > SOURCE_LIMIT || isSuspect(JSON.stringify(source))) return 'source';
  if (!Array.isArray(events) || events.length === 0) return 'events';
  return { envelope: { play_sid: playSid, attempt, source, batch }, given: events };
}

const isNumber = (value: unknown, min: number): value is number =>
  Number.isInteger(value) && Number(value) >= min && Number(value) <= INT_LIMIT;
