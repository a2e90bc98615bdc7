/** The JetStream streams as the registry needs them: both exist, and the oldest wake-up that no executor has received. */
import { type Bus, ensureStream, oldestUndelivered, TELEMETRY_SETTINGS, WORK_SETTINGS } from '@hero/bus';
import { WORK_CONSUMER, WORK_STREAM, WORK_SUBJECT } from '@hero/contracts';

/** Makes both streams where they are missing. Returns when the work stream was made. */
export async function ensureStreams(bus: Bus): Promise<string> {
  const [work] = await Promise.all([
    ensureStream(bus.jsm, WORK_SETTINGS.stream),
    ensureStream(bus.jsm, TELEMETRY_SETTINGS.stream),
  ]);
  return work.created;
}

/** When the oldest wake-up was stored that no executor was handed so far. */
export const oldestWaiting = (bus: Bus): Promise<Date | undefined> =>
  oldestUndelivered(bus.jsm, { stream: WORK_STREAM, consumer: WORK_CONSUMER, subject: WORK_SUBJECT });
