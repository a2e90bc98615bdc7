/**
 * Adds the outputs that were too large for the events to the spans and events of a reply.
 *
 * 1. They are fetched one at a time, up to a limit of bytes per reply; the others keep `output_omitted`.
 * 2. If the registry cannot be reached, the reply is sent without them: `output_omitted` stays.
 */
import type { Bus } from '@hero/bus';
import { HeroError, type Json, spanOutputs } from '@hero/contracts';

const MOST_BYTES = 44 * 1024 * 1024;

interface WithOutput {
  id?: string;
  span_id?: string;
  output?: Json;
  output_omitted?: true;
}

/** Adds outputs to the `spans` or `items` of a result, in place. */
export async function fillOutputs(
  bus: Bus,
  playSid: string,
  result: unknown,
  signal: AbortSignal,
  mostBytes = MOST_BYTES,
): Promise<void> {
  const { spans, items } = (result ?? {}) as { spans?: WithOutput[]; items?: WithOutput[] };
  let left = mostBytes;
  for (const item of [...(spans ?? []), ...(items ?? [])]) {
    const id = item.span_id ?? item.id;
    if (!item.output_omitted || id === undefined || left <= 0) continue;
    const output = await outputOf(bus, playSid, id, signal);
    if (output === undefined) continue;
    left -= JSON.stringify(output).length;
    if (left < 0) return;
    item.output = output;
    delete item.output_omitted;
  }
}

async function outputOf(bus: Bus, play_sid: string, id: string, signal: AbortSignal): Promise<Json | undefined> {
  try {
    const { outputs } = await bus.ask(spanOutputs, { play_sid, span_ids: [id] }, { signal });
    return outputs[id];
  } catch (error) {
    if (error instanceof HeroError && !signal.aborted) return undefined;
    throw error;
  }
}
