import { type Bus, ensureStream, TELEMETRY_QUEUE, WORK_QUEUE } from '@hero/bus';

/** Makes both streams where they are missing. Returns the work stream's state and when it was made. */
export async function ensureStreams(bus: Bus): Promise<{ waiting: number; made: string }> {
  const [work] = await Promise.all([
    ensureStream(bus.jsm, WORK_QUEUE.stream),
    ensureStream(bus.jsm, TELEMETRY_QUEUE.stream),
  ]);
  return { waiting: work.state.messages, made: work.created };
}
