import { type Bus, ensureStream, TELEMETRY_SETTINGS, WORK_SETTINGS } from '@hero/bus';
import { WORK_CONSUMER, WORK_STREAM, WORK_SUBJECT } from '@hero/contracts';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';

/** Makes both streams where they are missing. Returns when the work stream was made. */
export async function ensureStreams(bus: Bus): Promise<string> {
  const [work] = await Promise.all([
    ensureStream(bus.jsm, WORK_SETTINGS.stream),
    ensureStream(bus.jsm, TELEMETRY_SETTINGS.stream),
  ]);
  return work.created;
}

/**
 * When the oldest wake-up was stored that no executor was handed so far; null: none waits. What was handed out already does not
 * count, be it unreadable, never acked, or brought back by a nats-server that was killed.
 */
export async function oldestWaiting(bus: Bus): Promise<Date | null> {
  const next = await missing(bus.jsm.consumers.info(WORK_STREAM, WORK_CONSUMER), JetStreamApiCodes.ConsumerNotFound);
  const seq = (next?.delivered.stream_seq ?? 0) + 1;
  // The client passes the request on as it is; its types know `next_by_subj` only for direct gets.
  const request = { seq, next_by_subj: WORK_SUBJECT } as { seq: number };
  const message = await missing(bus.jsm.streams.getMessage(WORK_STREAM, request), JetStreamApiCodes.NoMessageFound);
  return message?.time ?? null;
}

async function missing<T>(asked: Promise<T>, code: number): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === code) return null;
    throw error;
  }
}
