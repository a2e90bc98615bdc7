/**
 * Outputs that were too large for the events: put in where spans and events are handed out.
 *
 * 1. One is asked for at a time, and all of one reply have at most so many bytes together: what is beyond keeps its mark.
 * 2. A registry that is away hinders nobody from reading: the mark stays.
 */
import type { Bus } from '@hero/bus';
import { HeroError, type Json, spanOutputs } from '@hero/contracts';

const MOST_BYTES = 44 * 1024 * 1024;

interface Marked {
  id?: string;
  span_id?: string;
  output?: Json;
  output_omitted?: true;
}

/** Fills `spans` or `items` of a result in place. */
export async function fillOutputs(bus: Bus, playSid: string, result: unknown, signal: AbortSignal): Promise<void> {
  const { spans, items } = (result ?? {}) as { spans?: Marked[]; items?: Marked[] };
  let left = MOST_BYTES;
  for (const marked of [...(spans ?? []), ...(items ?? [])]) {
    const id = marked.span_id ?? marked.id;
    if (!marked.output_omitted || id === undefined || left <= 0) continue;
    const output = await outputOf(bus, playSid, id, signal);
    if (output === undefined) continue;
    left -= JSON.stringify(output).length;
    if (left < 0) return;
    marked.output = output;
    delete marked.output_omitted;
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
