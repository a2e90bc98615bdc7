/** Answers about what was stored. */
import {
  HeroError,
  type HistoryState,
  MIB,
  type Params,
  type playEvents,
  type playLogs,
  type playSpansMethod,
  type Result,
  type Span,
  type spanBegan,
  type spanPage,
  type spansDelete,
} from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@hero/persistence';
import { cutAt } from './cut.js';
import { playEventsOf } from './event-json.js';
import { readLogs, readSpanLogs } from './log-lines.js';
import { type Parts, treeOf } from './stored-tree.js';
import {
  deletePlays,
  endOfWindow,
  findPlay,
  readBatches,
  reading,
  readSpan,
  readSpanPage,
  readSpans,
  readTimes,
  type SpanRow,
  type StoredPlay,
  storedIds,
} from './tree-store.js';

/** Shares of the 64 MiB that a reply may have. */
const SPANS_BYTES = 52 * MIB;
const SPAN_LOGS_BYTES = 8 * MIB;
const EVENTS_BYTES = 40 * MIB;
const LOGS_BYTES = 48 * MIB;

@Injectable()
export class History {
  constructor(private readonly database: Database) {}

  /** An answer that had to end early says so by its `seq`: what changed after it comes with the next `after_seq`. */
  spans({
    play_sid: sid,
    after_seq: after,
    limit,
  }: Params<typeof playSpansMethod>): Promise<Result<typeof playSpansMethod>> {
    return reading(this.database, async (sql) => {
      const play = (await findPlay(sql, sid)) ?? unknown(sid);
      const upTo = await endOfWindow(sql, { sid, after, upTo: play.seq }, limit, SPANS_BYTES);
      const rows = await readSpans(sql, { sid, after, upTo });
      if (play.beyond_seq > after) rows.push(...(await this.missingRoot(sql, sid, play, rows)));
      return { spans: await this.shown(sql, { sid, play, rows }, SPAN_LOGS_BYTES), seq: upTo, state: stateOf(play) };
    });
  }

  page({ play_sid: sid, after, limit, max_bytes }: Params<typeof spanPage>): Promise<Result<typeof spanPage>> {
    return reading(this.database, async (sql) => {
      const play = (await findPlay(sql, sid)) ?? unknown(sid);
      const found = await readSpanPage(sql, { sid, after, limit, bytes: max_bytes });
      const rows: SpanRow[] = found.filter(({ fits }) => fits);
      const last = rows.length < found.length ? rows.at(-1) : undefined;
      const next = last ? { seq: last.seq, first_seq: last.first_seq } : null;
      if (!next && play.beyond > 0) rows.push(...(await this.missingRoot(sql, sid, play, rows)));
      return {
        spans: await this.shown(sql, { sid, play, rows }, max_bytes),
        next,
        seq: play.seq,
        state: stateOf(play),
      };
    });
  }

  /** The root says how many spans are beyond the limit, also where it has not changed itself. */
  private async missingRoot(sql: Sql, sid: string, play: StoredPlay, rows: readonly SpanRow[]): Promise<SpanRow[]> {
    const { root_id } = play;
    return root_id === null || rows.some(({ id }) => id === root_id) ? [] : readSpan(sql, sid, root_id);
  }

  private async shown(sql: Sql, part: Pick<Parts, 'sid' | 'play' | 'rows'>, logBytes: number): Promise<Span[]> {
    const { sid, rows } = part;
    const present = new Set(rows.map(({ id }) => id));
    const logs = await readSpanLogs(sql, sid, [...present], logBytes);
    const parents = rows.map(({ parent_id }) => parent_id).filter((id) => id !== null && !present.has(id));
    const elsewhere = new Set(await storedIds(sql, sid, [...new Set(parents as string[])]));
    return treeOf({ ...part, logs, elsewhere });
  }

  /** `seq` is where to go on: the number of the last event of this page. */
  events(p: Params<typeof playEvents>): Promise<Result<typeof playEvents>> {
    const { play_sid: sid, after_seq: after, limit, max_bytes = EVENTS_BYTES } = p;
    return reading(this.database, async (sql) => {
      if (!(await findPlay(sql, sid))) unknown(sid);
      const batches = await readBatches(sql, sid, after, limit, Math.min(max_bytes, EVENTS_BYTES));
      const items = batches
        .flatMap(playEventsOf)
        .filter(({ seq }) => seq > after)
        .slice(0, limit);
      return { items, seq: items.at(-1)?.seq ?? after };
    });
  }

  async began({ play_sid, span_id }: Params<typeof spanBegan>): Promise<Result<typeof spanBegan>> {
    const spans = await readTimes(this.database, play_sid);
    const from = spans.find(({ id }) => id === span_id);
    if (!from) throw new HeroError('NOT_FOUND', `Play ${play_sid} has no span ${span_id}; play_spans lists them.`);
    return cutAt(spans, from);
  }

  async logs({ play_sid, limit }: Params<typeof playLogs>): Promise<Result<typeof playLogs>> {
    return { logs: await reading(this.database, (sql) => readLogs(sql, play_sid, limit, LOGS_BYTES)) };
  }

  async delete({ play_sids }: Params<typeof spansDelete>): Promise<Result<typeof spansDelete>> {
    await this.database.tx((sql) => deletePlays(sql, play_sids));
    return { ok: true };
  }
}

const stateOf = ({ attempt, final, final_at }: StoredPlay): HistoryState => ({ attempt, final, final_at });

function unknown(sid: string): never {
  throw new HeroError('NOT_FOUND', `No event of a play ${sid} is stored; look plays up with play_list.`);
}
