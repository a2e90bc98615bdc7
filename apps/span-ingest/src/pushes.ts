import { EmittedEvent, EVENT_LIMIT, HeroError, issuesOf, type JsonObject } from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { uuidv7 } from '@hero/service-kit';
import { arrival } from './arrival.js';
import { Intake } from './intake.js';
import { wellFormed } from '@hero/json';

/** Events of outside workers, over span_push. They take the way of all others: one place gives numbers. */
@Injectable()
export class Pushes {
  constructor(private readonly intake: Intake) {}

  /** True once it is stored and told; false after the end of the play. */
  async push({ play_sid, event }: { play_sid: string; event: JsonObject }): Promise<boolean> {
    const parsed = EmittedEvent.safeParse(shallow(event));
    if (!parsed.success) {
      throw new HeroError('INVALID_PARAMS', 'The event is not one that a play may emit; see issues.', {
        issues: issuesOf(parsed.error, ['event']),
      });
    }
    const envelope = { play_sid, attempt: 0, source: `p${uuidv7()}`, batch: 1 };
    const { body } = arrival(envelope, [parsed.data]);
    if (body.length > EVENT_LIMIT) {
      throw new HeroError('PAYLOAD_TOO_LARGE', `An event has at most ${EVENT_LIMIT} bytes; keep large data in a file.`);
    }
    const verdict = await this.intake.push(play_sid, body);
    if (verdict === 'unknown') {
      throw new HeroError('NOT_FOUND', `There is no play ${play_sid}; look it up with play_list.`);
    }
    return verdict === 'stored';
  }
}

/** 64 levels are far below what a recursion can walk. */
const DEEPEST = 64;

function shallow(event: JsonObject): unknown {
  let level: unknown[] = [event];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) {
      const issue = { path: 'event', message: `must not be nested deeper than ${DEEPEST} levels` };
      throw new HeroError('INVALID_PARAMS', 'The event is nested too deep; see issues.', { issues: [issue] });
    }
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
  return wellFormed(event);
}
