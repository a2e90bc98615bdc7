/**
 * SQL of signed links: which question each of them answers.
 *
 * 1. A link answers the pause whose id it has, or a pause that names the link in its request.
 * 2. A replay does not run a committed call again, so it does not know the links that were made in it, and no pause will have their
 *    ids. Each of them is for the next question of its name without a link of its own; it is bound when that question is recorded.
 */
import { Database, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import type { Asked } from './resume-store.js';

interface Link {
  id: string;
  name: string;
  parent_place: string;
}

interface Unbound {
  id: string;
  name: string;
  /** SQL of rule 2: the call that made the link is committed. */
  over: boolean;
}

@Injectable()
export class LinkStore {
  constructor(readonly database: Database) {}

  /** Inserts a link; one that was made before (its reply was lost) stays unchanged. */
  async made(playSid: string, { id, name, parent_place }: Link): Promise<void> {
    await this.database.query(
      'link_made',
      'INSERT INTO links (play_sid, id, name, parent_place) VALUES ($1, $2, $3, $4) ON CONFLICT (play_sid, id) DO NOTHING',
      [playSid, id, name, parent_place],
    );
  }

  /** Binds links to questions that have just been recorded (rules 1 and 2). The caller has locked the play. */
  async bind(playSid: string, fresh: Asked[], sql: Sql): Promise<void> {
    let unbound = await this.unbound(playSid, fresh, sql);
    const pairs: [link: string, question: string, named: boolean][] = [];
    for (const { id, name, links } of fresh) {
      const own = unbound.some((link) => link.id === id);
      const isMine = (link: Unbound): boolean =>
        link.id === id || links.includes(link.id) || (!own && link.over && link.name === name && !isOfAny(fresh, link));
      for (const link of unbound.filter(isMine)) pairs.push([link.id, id, link.id === id || links.includes(link.id)]);
      unbound = unbound.filter((link) => !isMine(link));
    }
    if (pairs.length === 0) return;
    await sql.query(
      'links_bind',
      `WITH bound AS (
         UPDATE links l SET question = b.question FROM unnest($2::text[], $3::text[], $4::boolean[]) AS b(id, question, named)
         WHERE l.play_sid = $1 AND l.id = b.id RETURNING l.id, l.question, b.named)
       UPDATE resumes r SET links = r.links || n.ids
       FROM (SELECT question, array_agg(id) AS ids FROM bound WHERE NOT named GROUP BY question) n WHERE r.id = n.question`,
      [playSid, pairs.map(([id]) => id), pairs.map(([, question]) => question), pairs.map(([, , named]) => named)],
    );
  }

  private unbound(playSid: string, questions: Asked[], sql: Sql): Promise<Unbound[]> {
    return sql.query(
      'links_unbound',
      `SELECT id, name, EXISTS (SELECT FROM steps s WHERE s.play_sid = l.play_sid AND s.place = l.parent_place
                                  AND s.kind <> 'begun') AS over
       FROM links l WHERE play_sid = $1 AND question IS NULL AND name = ANY($2) ORDER BY made_no`,
      [playSid, questions.map(({ name }) => name)],
    );
  }
}

const isOfAny = (questions: Asked[], link: Unbound): boolean =>
  questions.some(({ id, links }) => id === link.id || links.includes(link.id));
