/**
 * Signed links: each answers one question once, and gives no other right.
 *
 * 1. A token is the play and the question, and a signature over both that only registries can make. A token that is not ours is
 *    not found, whatever is wrong with it.
 * 2. The question may still be to come: then the answer is kept for it under its id, and the pause takes it first (I5).
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { HeroError, type hookResume, isFinal, type Params, type playHook, type Result } from '@hero/contracts';
import { Database } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { PlayStore } from '../plays/play-store.js';
import { noPlay } from '../plays/plays.js';
import { Resumes } from './answers.js';

const SIGNATURE_BYTES = 20;

@Injectable()
export class Hooks {
  private secret?: Promise<Buffer>;

  constructor(
    private readonly database: Database,
    private readonly plays: PlayStore,
    private readonly resumes: Resumes,
  ) {}

  async link({ play_sid, resume_id }: Params<typeof playHook>): Promise<Result<typeof playHook>> {
    const play = await this.plays.mark(play_sid);
    if (!play) throw noPlay(play_sid);
    if (isFinal(play.status)) {
      throw new HeroError('INVALID_STATE', `Play ${play_sid} is ${play.status}: it asks nothing any more.`);
    }
    const named = `${play_sid}.${resume_id}`;
    const token = `${Buffer.from(named).toString('base64url')}.${(await this.sign(named)).toString('base64url')}`;
    return { token, path: `/hooks/resume/${token}` };
  }

  async answer({ token, payload }: Params<typeof hookResume>): Promise<Result<typeof hookResume>> {
    const [named = '', signature = '', ...more] = token.split('.');
    const text = Buffer.from(named, 'base64url').toString();
    const expected = await this.sign(text);
    const given = Buffer.from(signature, 'base64url');
    // Base64 has more than one spelling of the same bytes; only ours is taken.
    const spelled = token === `${Buffer.from(text).toString('base64url')}.${given.toString('base64url')}`;
    const ours = given.length === expected.length && timingSafeEqual(given, expected) && spelled && more.length === 0;
    const at = text.lastIndexOf('.');
    if (!ours) throw new HeroError('NOT_FOUND', 'This link is none of ours; ask for a new one.');
    return this.resumes.answer({ play_sid: text.slice(0, at), resume_id: text.slice(at + 1), payload }, 'hook');
  }

  private async sign(text: string): Promise<Buffer> {
    this.secret ??= this.load().catch((error: unknown) => {
      this.secret = undefined;
      throw error;
    });
    return createHmac('sha256', await this.secret)
      .update(text)
      .digest()
      .subarray(0, SIGNATURE_BYTES);
  }

  /** Made by the first who needs it, the same for all. */
  private async load(): Promise<Buffer> {
    await this.database.query(
      'secret_make',
      `INSERT INTO secrets (name, value) VALUES ('hooks', $1) ON CONFLICT (name) DO NOTHING`,
      [randomBytes(32)],
    );
    const text = `SELECT value FROM secrets WHERE name = 'hooks'`;
    const [row] = await this.database.query<{ value: Buffer }>('secret_read', text, []);
    if (!row) throw new Error('The secret of the links was neither there nor made.');
    return row.value;
  }
}
