/**
 * A group of batches of many plays becomes one transaction.
 *
 * N1 Only this gives events their numbers, under the lock of the play's row: no gap, no double, whichever instance it is.
 * N2 (play_sid, source, batch) is stored once. A batch that comes again is told to listeners again, because whoever
 *    stored it may have died before it said so.
 * N3 A play whose row is held by another transaction is left out (`locked`) and delays nothing (I12).
 * N4 A fault of the data is halved away: first between batches, then between the events of one. What is left of an
 *    event that cannot be stored is `dropped {count: 1}` in its place (I10).
 * N5 A span that starts in a first attempt is taken for new: nobody looks for its row. Where it has one (its end was stored
 *    before its start, or it starts again), the primary key says so, and the group is stored again with all rows looked for. From
 *    then on the rows of that play are always looked for: it costs the group it is in one repeat, not one each time.
 */
import type { Log } from '@hero/bus';
import { messageOf } from '@hero/contracts';
import { PlayFold, type PlayState } from '@hero/spans';
import { type Database, isUnavailable, sqlState } from '@hero/persistence';
import { failpoint } from '@hero/service-kit';
import type { PoolClient } from 'pg';
import { type Arrival, arrival } from './arrival.js';
import type { Numbered } from './announce.js';
import { loadSpans, lockPlays, Rows, type StoredBatch, storedBatches, type Written } from './ingest-store.js';
import { droppedFor } from './event-shape.js';
import { findPoison } from './poison.js';
import { eventCuts } from './slices.js';
import { eventsIn } from './event-json.js';

/** What became of one batch. `told`: what listeners get of it. `refused`: the database did not take all of it. */
export type Outcome =
  | { kind: 'stored' | 'repeated'; told?: Numbered; refused?: true }
  | { kind: 'locked' | 'deleted' | 'unknown' | 'final'; refused?: true };

/** N5: how many are remembered, some hundred bytes each. */
const RESTARTING_PLAYS = 10_000;

const LOCKED: Outcome = { kind: 'locked' };
class PlayLocked extends Error {}

export class Ingest {
  /** Buffers of transactions that have ended. */
  private readonly spare: Rows[] = [];
  /** N5: plays whose starts are looked for. */
  private readonly restarting = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly log: Log,
  ) {}

  /** Answers for each batch, in order. Throws only what trying again later can help. */
  async store(group: readonly Arrival[]): Promise<Outcome[]> {
    try {
      return await this.transaction(group);
    } catch (error) {
      if (!isFaultOfData(error)) throw error;
      const [only] = group;
      if (group.length === 1 && only) return [{ ...(await this.storeWithoutPoison(only, error)), refused: true }];
      return this.storeHalves(group);
    }
  }

  private async storeHalves(group: readonly Arrival[]): Promise<Outcome[]> {
    const middle = group.length >> 1;
    const first = await this.store(group.slice(0, middle));
    // A play that was locked in the first half may not overtake itself in the second.
    const locked = new Set(group.slice(0, middle).flatMap((a, i) => (first[i]?.kind === 'locked' ? [a.play_sid] : [])));
    const free = group.slice(middle).filter((a) => !locked.has(a.play_sid));
    const second = (free.length > 0 ? await this.store(free) : []).values();
    const rest = group
      .slice(middle)
      .map((a): Outcome => (locked.has(a.play_sid) ? LOCKED : (second.next().value ?? LOCKED)));
    return [...first, ...rest];
  }

  private async storeWithoutPoison(guilty: Arrival, error: unknown): Promise<Outcome> {
    const { play_sid, source, batch, events } = guilty;
    const reason = `refused: ${messageOf(error)}`.slice(0, 200);
    let poison: Set<number>;
    try {
      poison = await findPoison(events, (part) => this.wouldStore(() => arrival(guilty, part)));
    } catch (cause) {
      if (cause instanceof PlayLocked) return LOCKED;
      throw cause;
    }
    this.log.error(
      { play_sid, source, batch, events: events.length, poison: poison.size, err: error },
      'poisoned events dropped',
    );
    const clean = events.map((event, i) => (poison.has(i) ? droppedFor(event, reason) : event));
    try {
      const [outcome] = await this.transaction([arrival(guilty, clean, guilty.pushed)]);
      return outcome ?? LOCKED;
    } catch (together) {
      // Each event can be stored alone and all of them cannot: nothing is left but to count them.
      if (!isFaultOfData(together)) throw together;
      const [outcome] = await this.transaction([arrival(guilty, [droppedFor(events[0], reason, events.length)])]);
      return outcome ?? LOCKED;
    }
  }

  /** Would the database take these? Tried, and rolled back. */
  private async wouldStore(part: () => Arrival): Promise<boolean> {
    try {
      const [outcome] = await this.transaction([part()], 'ROLLBACK');
      if (outcome?.kind === 'locked') throw new PlayLocked();
      return true;
    } catch (error) {
      if (!isFaultOfData(error)) throw error;
      return false;
    }
  }

  private async transaction(group: readonly Arrival[], end: 'COMMIT' | 'ROLLBACK' = 'COMMIT'): Promise<Outcome[]> {
    try {
      return await this.tryOnce(group, end, (sid) => !this.restarting.has(sid));
    } catch (error) {
      if (!isKnownSpan(error)) throw error;
      this.remember(playOfKnownSpan(error)); // N5
      return this.tryOnce(group, end, () => false);
    }
  }

  /** The one remembered longest ago is forgotten, which costs one more repeat. */
  private remember(sid: string | undefined): void {
    if (sid === undefined) return;
    this.restarting.add(sid);
    if (this.restarting.size <= RESTARTING_PLAYS) return;
    for (const oldest of this.restarting) {
      this.restarting.delete(oldest);
      return;
    }
  }

  private async tryOnce(
    group: readonly Arrival[],
    end: 'COMMIT' | 'ROLLBACK',
    startsAreNew: (sid: string) => boolean,
  ): Promise<Outcome[]> {
    const rows = this.spare.pop() ?? new Rows();
    const outcomes = await this.database.with(async (client) => {
      await client.query('BEGIN');
      try {
        const folded = await fold(client, group, startsAreNew);
        rows.fill(folded.written);
        await rows.write(client);
        await failpoint('ingest.commit.before');
        await client.query(end);
        await failpoint('ingest.commit.after');
        return folded.outcomes;
      } catch (error) {
        // On a lost connection the server has rolled back by itself.
        if (!isUnavailable(error)) await client.query('ROLLBACK');
        throw error;
      }
    });
    // After a failure the socket may still hold its bytes.
    rows.clear();
    this.spare.push(rows);
    return outcomes;
  }
}

interface Folded {
  written: Written;
  outcomes: Outcome[];
}

/** Reads what the group touches, numbers its events and applies them. */
async function fold(
  client: PoolClient,
  group: readonly Arrival[],
  startsAreNew: Opening['startsAreNew'],
): Promise<Folded> {
  const sids = [...new Set(group.map((a) => a.play_sid))].sort();
  const make = new Set(group.filter((a) => !a.pushed).map((a) => a.play_sid));
  const plays = await lockPlays(client, sids, make);
  const seen = await seenBatches(client, group, plays);
  const folds = await openFolds(client, { group, plays, seen, startsAreNew });
  const batches: Written['batches'][number][] = [];
  const outcomes = group.map((one): Outcome => {
    const { play_sid, body, cuts } = one;
    const play = plays.get(play_sid);
    if (!play) return one.pushed ? { kind: 'unknown' } : LOCKED;
    if (play.deleted) return { kind: one.pushed ? 'unknown' : 'deleted' };
    const before = seen.get(keyOf(one));
    if (before) return { kind: 'repeated', told: before === HERE ? undefined : toldAgain(before) };
    if (one.pushed && play.final !== null) return { kind: 'final' };
    const attempt = one.pushed ? play.attempt : one.attempt;
    const fold = folds.get(play_sid) as PlayFold;
    const linesBefore = fold.logs.length;
    const first_seq = fold.apply(attempt, one.events);
    seen.set(keyOf(one), HERE);
    batches.push({ arrival: one, attempt, first_seq, log_lines: fold.logs.length - linesBefore });
    return { kind: 'stored', told: { play_sid, attempt, first_seq, body, cuts } };
  });
  const written = {
    plays: [...new Set(batches.map(({ arrival: { play_sid } }) => play_sid))].map((sid) => plays.get(sid) as PlayState),
    spans: [...folds.values()].flatMap(({ spans }) => [...spans.values()]),
    logs: [...folds.values()].flatMap(({ logs }) => logs),
    batches,
  };
  return { written, outcomes };
}

/** N2: a batch of the same key that was stored before, or HERE in this group. */
const HERE = 'here';
type Seen = Map<string, StoredBatch | typeof HERE>;

async function seenBatches(
  client: PoolClient,
  group: readonly Arrival[],
  plays: Map<string, PlayState>,
): Promise<Seen> {
  const possible = group.filter((a) => (plays.get(a.play_sid)?.seq ?? 0) > 0);
  const stored = possible.length > 0 ? await storedBatches(client, possible) : [];
  return new Map(stored.map((batch) => [keyOf(batch), batch]));
}

function toldAgain({ body: text, first_seq, last_seq, ...envelope }: StoredBatch): Numbered {
  const { play_sid, attempt } = envelope;
  const body = Buffer.from(text);
  const cuts = eventCuts(body, last_seq - first_seq + 1);
  return { play_sid, attempt, first_seq, ...(cuts ? { body, cuts } : arrival(envelope, eventsIn(text))) };
}

interface Opening {
  group: readonly Arrival[];
  plays: ReadonlyMap<string, PlayState>;
  seen: Seen;
  /** N5: of this play. */
  startsAreNew(sid: string): boolean;
}

async function openFolds(client: PoolClient, opening: Opening): Promise<Map<string, PlayFold>> {
  const { group, plays, seen } = opening;
  const folds = new Map<string, PlayFold>();
  const named = new Map<string, Set<string>>();
  const begun = new Map<string, Set<string>>();
  const openOf = new Set<string>();
  for (const one of group) {
    const play = plays.get(one.play_sid);
    if (!play || play.deleted || seen.has(keyOf(one))) continue;
    if (!folds.has(play.sid)) folds.set(play.sid, new PlayFold(play, new Map()));
    if (play.spans === 0) continue;
    if (PlayFold.needsOpen(play, one.attempt, one.events)) openOf.add(play.sid);
    const ids = setOf(named, play.sid);
    for (const event of one.events) if ('span_id' in event && event.span_id !== null) ids.add(event.span_id);
    if (!opening.startsAreNew(play.sid) || one.attempt > 1 || play.attempt > 1 || play.spans > SURELY_SHOWN) continue;
    const starts = setOf(begun, play.sid);
    for (const event of one.events) if (event.type === 'span_started') starts.add(event.span_id);
  }
  const pairs = [...named].flatMap(([sid, ids]) => {
    const starts = begun.get(sid);
    return [...ids].filter((id) => !starts?.has(id)).map((id) => [sid, id] as const);
  });
  for (const span of await loadSpans(client, pairs, [...openOf])) folds.get(span.play_sid)?.spans.set(span.id, span);
  return folds;
}

/** N5 needs the row of each start, also of those beyond the limit of a play: far from it there is one. */
const SURELY_SHOWN = 50_000;

function setOf(sets: Map<string, Set<string>>, key: string): Set<string> {
  let set = sets.get(key);
  if (!set) sets.set(key, (set = new Set()));
  return set;
}

const keyOf = ({ play_sid, source, batch }: Pick<Arrival, 'play_sid' | 'source' | 'batch'>): string =>
  `${play_sid}/${source}/${batch}`;

/** Faults that come again however often it is tried: of values (22, 23, 54) or in our own handling of them. */
function isFaultOfData(error: unknown): boolean {
  if (isUnavailable(error)) return false;
  const state = sqlState(error);
  return state === undefined ? error instanceof TypeError || error instanceof RangeError : /^(22|23|54)/.test(state);
}

/** N5 */
const isKnownSpan = (error: unknown): boolean =>
  sqlState(error) === '23505' && (error as { constraint?: unknown }).constraint === 'spans_pkey';

/** The play of that span: the message of PostgreSQL has it, in whichever language, as `(play_sid, id)=(…, …)`. */
function playOfKnownSpan(error: unknown): string | undefined {
  const { detail } = error as { detail?: unknown };
  return /\(play_sid, id\)=\((.+), [^,]*\)/.exec(String(detail))?.[1];
}
