/** SQL that reads one payload of a play as text. */
import { Database } from '@hero/persistence';
import { Injectable } from '@nestjs/common';

/** The kinds of references; `key` is the part after the dot. */
const SOURCES = {
  input: "SELECT input::text AS text FROM inputs WHERE play_sid = $1 AND $2 = ''",
  output: "SELECT output::text AS text FROM plays WHERE sid = $1 AND $2 = ''",
  answer: `SELECT payload::text AS text FROM resumes WHERE play_sid = $1 AND id = $2 AND outcome = 'answer'`,
  schema: 'SELECT schema::text AS text FROM resumes WHERE play_sid = $1 AND id = $2',
  ui: 'SELECT ui::text AS text FROM resumes WHERE play_sid = $1 AND id = $2',
  step: 'SELECT outcome::text AS text FROM steps WHERE play_sid = $1 AND step_key = $2',
  span: `SELECT outcome::text AS text FROM steps WHERE play_sid = $1 AND kind = 'value' AND span_id = $2
    UNION ALL SELECT payload::text FROM resumes WHERE play_sid = $1 AND outcome = 'answer' AND span_id = $2 LIMIT 1`,
} as const;
export type PayloadKind = keyof typeof SOURCES;
export const isPayloadKind = (kind: string): kind is PayloadKind => Object.hasOwn(SOURCES, kind);

@Injectable()
export class PayloadStore {
  constructor(private readonly database: Database) {}

  async text(playSid: string, kind: PayloadKind, key: string): Promise<string | null> {
    const [row] = await this.database.query<{ text: string | null }>(`payload_${kind}`, SOURCES[kind], [playSid, key]);
    return row?.text ?? null;
  }
}
