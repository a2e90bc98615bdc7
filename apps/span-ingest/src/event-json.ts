/** Events as readers get them: with play, number and attempt. */
import type { AnyEvent, PlayEvent } from '@hero/contracts';

/** A batch as it is stored. `attempt` is that of the row: a pushed event is stamped under the play's lock. */
export interface NumberedBody {
  play_sid: string;
  first_seq: number;
  attempt: number;
  body: string;
}

export function playEventsOf({ play_sid, first_seq, attempt, body }: NumberedBody): PlayEvent[] {
  return eventsIn(body).map((event, i) => ({ ...event, play_sid, attempt, seq: first_seq + i }));
}

export const eventsIn = (body: string): AnyEvent[] => (JSON.parse(body) as { events: AnyEvent[] }).events;
