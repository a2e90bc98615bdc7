/** Events as listeners and readers get them: with play, number and attempt. */
import type { AnyEvent, PlayEvent } from '@hero/contracts';

/** A batch as it is stored. `attempt` is that of the row: a pushed event is stamped under the play's lock. */
export interface NumberedBody {
  play_sid: string;
  first_seq: number;
  attempt: number;
  body: string;
}

/** As JSON text. Made before the commit: what cannot be written as JSON is a fault of the data, not of the announcement. */
export function stamped(playSid: string, events: readonly AnyEvent[], firstSeq: number, attempt: number): string[] {
  const head = `{"play_sid":${JSON.stringify(playSid)},"attempt":${attempt},"seq":`;
  return events.map((event, i) => `${head}${firstSeq + i},${JSON.stringify(event).slice(1)}`);
}

export function textsOf({ play_sid, first_seq, attempt, body }: NumberedBody): string[] {
  return stamped(play_sid, eventsIn(body), first_seq, attempt);
}

export function playEventsOf({ play_sid, first_seq, attempt, body }: NumberedBody): PlayEvent[] {
  return eventsIn(body).map((event, i) => ({ ...event, play_sid, attempt, seq: first_seq + i }));
}

const eventsIn = (body: string): AnyEvent[] => (JSON.parse(body) as { events: AnyEvent[] }).events;
