import { type Bus, ensureStream, TELEMETRY_SETTINGS, WORK_SETTINGS } from '@hero/bus';

/** Makes both streams where they are missing. Returns the work stream's state and when it was made. */
export async function ensureStreams(bus: Bus): Promise<{ waiting: number; made: string }> {
  const [work] = await Promise.all([
    ensureStream(bus.jsm, WORK_SETTINGS.stream),
    ensureStream(bus.jsm, TELEMETRY_SETTINGS.stream),
  ]);
  return { waiting: work.state.messages, made: work.created };
}
