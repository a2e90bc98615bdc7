import { describe, expect, test } from '@jest/globals';
import { EmittedEvent, ExecutorFrame, Hello, PlayFrame } from '@hero/contracts';
import { readGolden } from '@hero/testing';
import { z } from 'zod';
import { canonical, idempotencyKeyOf, NotJson, placeOf, resumeIdOf, spanIdOf, stepKeyOf } from '../src/canonical.js';

/** The golden files, as sdk-python/tests/test_golden.py reads them too. */
const Named = z.object({ name: z.string() });
const Canonical = z.object({
  cases: z.array(Named.extend({ value: z.unknown(), text: z.string() })),
  refused: z.array(Named.extend({ value: z.unknown(), path: z.string() })),
});
const Ids = z.object({
  place: z.string(),
  step_key: z.string(),
  span_id: z.string(),
  idempotency_key: z.string(),
});
const Places = z.object({
  version_sid: z.string(),
  play_sid: z.string(),
  root: Ids,
  calls: z.array(
    Ids.extend({
      label: z.string(),
      parent: z.string(),
      branch: z.string(),
      name: z.string(),
      args: z.unknown(),
      n: z.int(),
      preimage: z.string(),
      resume_id: z.string(),
    }),
  ),
});
const Events = z.object({
  events: z.array(Named.extend({ event: z.unknown() })),
  invalid: z.array(Named.extend({ event: z.unknown() })),
});
const Refused = z.array(Named.extend({ frame: z.unknown() }));
const Frames = z.object({
  hello: z.array(z.unknown()),
  transcripts: z.array(
    Named.extend({
      start: z.unknown(),
      attempts: z.array(
        z.object({
          memory: z.array(z.unknown()),
          exchange: z.array(z.object({ play: z.unknown(), executor: z.unknown() })),
        }),
      ),
    }),
  ),
  invalid: z.object({ play: Refused, hello: Refused }),
});

/** Values that JSON cannot express are written as `{"$number": "NaN"}` and `{"$integer": "…"}`. */
function revived(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revived);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (first?.[0] === '$number') return Number(first[1]);
  if (first?.[0] === '$integer') return BigInt(String(first[1]));
  return Object.fromEntries(entries.map(([key, inner]) => [key, revived(inner)]));
}

describe('canonical JSON', () => {
  const golden = Canonical.parse(readGolden('canonical'));
  test.each(golden.cases)('$name', ({ value, text }) => {
    expect(canonical(revived(value))).toBe(text);
  });
  test.each(golden.refused)('refuses $name', ({ value, path }) => {
    expect(() => canonical(revived(value), 'arguments')).toThrow(NotJson);
    expect(() => canonical(revived(value), 'arguments')).toThrow(`${path}: `);
  });
});

describe('places', () => {
  const { version_sid, play_sid, root, calls } = Places.parse(readGolden('places'));
  test.each(calls)('$label', (call) => {
    const parent = call.parent === 'root' ? root.place : calls.find((other) => other.label === call.parent)?.place;
    const place = placeOf(String(parent), call.branch, call.name, call.args, call.n);
    expect(canonical([parent, call.branch, call.name, call.args, call.n])).toBe(call.preimage);
    expect(place).toBe(call.place);
    expect(stepKeyOf(version_sid, place)).toBe(call.step_key);
    expect(spanIdOf(play_sid, place)).toBe(call.span_id);
    expect(idempotencyKeyOf(play_sid, call.step_key)).toBe(call.idempotency_key);
    expect(resumeIdOf(play_sid, place)).toBe(call.resume_id);
  });
  test('the root has a constant place', () => {
    expect(root.place).toBe('0'.repeat(32));
    expect(root.step_key).toBe(stepKeyOf(version_sid, root.place));
    expect(root.span_id).toBe(spanIdOf(play_sid, root.place));
  });
});

describe('events', () => {
  const golden = Events.parse(readGolden('events'));
  test.each(golden.events)('$name', ({ event }) => {
    expect(EmittedEvent.parse(event)).toEqual(event);
  });
  test.each(golden.invalid)('refuses $name', ({ event }) => {
    expect(EmittedEvent.safeParse(event).success).toBe(false);
  });
});

describe('frames', () => {
  const golden = Frames.parse(readGolden('frames'));
  test.each(golden.transcripts)('$name', ({ start, attempts }) => {
    expect(ExecutorFrame.parse(start)).toEqual(start);
    for (const { memory, exchange } of attempts) {
      ExecutorFrame.parse({ t: 'memory', items: memory });
      for (const { play, executor } of exchange) {
        expect(PlayFrame.parse(play)).toMatchObject(play as object);
        expect(ExecutorFrame.parse(executor)).toEqual(executor);
      }
    }
  });
  test('hello', () => {
    for (const hello of golden.hello) expect(Hello.parse(hello)).toEqual(hello);
  });
  test.each(golden.invalid.play)('refuses $name', ({ frame }) => {
    expect(PlayFrame.safeParse(frame).success).toBe(false);
  });
  test.each(golden.invalid.hello)('refuses a hello with $name', ({ frame }) => {
    expect(Hello.safeParse(frame).success).toBe(false);
  });
});
