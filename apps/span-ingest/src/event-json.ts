/** Events as listeners and readers get them: with play, number and attempt. */
import type { AnyEvent, PlayEvent } from '@hero/contracts';

/** A batch as it is stored. `attempt` is that of the row: a pushed event is stamped under the play's lock. */
export interface NumberedBody {
  play_sid: string;
  first_seq: number;
  attempt: number;
  body: string;
}

/** JSON texts of events with their stamps put in front. */
export function stamped(playSid: string, texts: readonly string[], firstSeq: number, attempt: number): string[] {
  const head = `{"play_sid":${JSON.stringify(playSid)},"attempt":${attempt},"seq":`;
  return texts.map((text, i) => `${head}${firstSeq + i},${text.slice(1)}`);
}

export function stampedBody({ play_sid, first_seq, attempt, body }: NumberedBody): string[] {
  const texts = eventsIn(body).map((event) => JSON.stringify(event));
  return stamped(play_sid, texts, first_seq, attempt);
}

export function playEventsOf({ play_sid, first_seq, attempt, body }: NumberedBody): PlayEvent[] {
  return eventsIn(body).map((event, i) => ({ ...event, play_sid, attempt, seq: first_seq + i }));
}

const eventsIn = (body: string): AnyEvent[] => (JSON.parse(body) as { events: AnyEvent[] }).events;
