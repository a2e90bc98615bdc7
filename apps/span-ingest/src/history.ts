/** Answers about what was stored. */
import {
  HeroError,
  MIB,
  type Params,
  type playEvents,
  type playLogs,
  type playSpansMethod,
  type Result,
  type spanBegan,
  type spansDelete,
} from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { Database } from '@hero/persistence';
import { cutAt } from './cut.js';
import { playEventsOf } from './stamps.js';
import { treeOf } from './tree.js';
import {
  deletePlays,
  endOfWindow,
  findPlay,
  readBatches,
  reading,
  readLogs,
  readSpan,
  readSpanLogs,
  readSpans,
  readTimes,
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
      const window = { sid, after, upTo };
      const rows = await readSpans(sql, window);
      const logs = await readSpanLogs(sql, window, SPAN_LOGS_BYTES);
      const present = new Set(rows.map(({ id }) => id));
      const { root_id } = play;
      if (play.beyond_seq > after && root_id !== null && !present.has(root_id)) {
        rows.push(...(await readSpan(sql, sid, root_id)));
        present.add(root_id);
      }
      const parents = new Set(rows.map(({ parent_id }) => parent_id).filter((id) => id !== null && !present.has(id)));
      const elsewhere = new Set(await storedIds(sql, sid, [...parents] as string[]));
      return { spans: treeOf({ sid, play, rows, logs, elsewhere }), seq: upTo };
    });
  }

  /** `seq` is where to go on: the number of the last event of this page. */
  events({ play_sid: sid, after_seq: after, limit }: Params<typeof playEvents>): Promise<Result<typeof playEvents>> {
    return reading(this.database, async (sql) => {
      if (!(await findPlay(sql, sid))) unknown(sid);
      const batches = await readBatches(sql, sid, after, limit, EVENTS_BYTES);
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
    return { logs: await readLogs(this.database, play_sid, limit, LOGS_BYTES) };
  }

  async delete({ play_sids }: Params<typeof spansDelete>): Promise<Result<typeof spansDelete>> {
    await this.database.tx((sql) => deletePlays(sql, play_sids));
    return { ok: true };
  }
}

function unknown(sid: string): never {
  throw new HeroError('NOT_FOUND', `No event of a play ${sid} is stored; look plays up with play_list.`);
}
