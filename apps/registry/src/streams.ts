import { type Bus, ensureStream, type StreamSettings } from '@hero/bus';
import { ALL_TELEMETRY, TELEMETRY_STREAM, WORK_STREAM, WORK_SUBJECT } from '@hero/contracts';

const MIB = 1024 * 1024;
const NS = 1_000_000_000;

/** Wake-ups: a few bytes each, gone once an executor has acked them. Lost ones are told again by the reconciler. */
const WORK = {
  name: WORK_STREAM,
  subjects: [WORK_SUBJECT],
  retention: 'workqueue',
  storage: 'file',
  discard: 'old',
  max_bytes: 256 * MIB,
  duplicate_window: 120 * NS,
} satisfies StreamSettings;

/**
 * Telemetry on its way to span-ingest. Bounded as a whole and per play: when it is full the publisher is told, which drops
 * and counts (I10), and one play's flood leaves room for the others (I12).
 */
const TELEMETRY = {
  name: TELEMETRY_STREAM,
  subjects: [ALL_TELEMETRY],
  retention: 'workqueue',
  storage: 'file',
  discard: 'new',
  discard_new_per_subject: true,
  max_msgs_per_subject: 20_000,
  max_bytes: 1024 * MIB,
  duplicate_window: 120 * NS,
} satisfies StreamSettings;

/** Makes both streams where they are missing. Returns the work stream's state and when it was made. */
export async function ensureStreams(bus: Bus): Promise<{ waiting: number; made: string }> {
  const [work] = await Promise.all([ensureStream(bus.jsm, WORK), ensureStream(bus.jsm, TELEMETRY)]);
  return { waiting: work.state.messages, made: work.created };
}
