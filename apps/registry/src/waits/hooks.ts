/**
 * Signed links: makes and checks them. A link answers one question once, and gives no other right.
 *
 * 1. A token has the play, the question, the expiry, and a signature over all three that only registries can
 *    make. The signature is checked before anything is read from the database.
 * 2. If the play has not asked the question yet, the answer is kept under its id, and the pause takes it first (I5).
 *    A link whose own pause will never be asked is for the next question of its name (link-store.ts).
 * 3. A link is used once because its question is answered once, under the lock of the play's row.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  HeroError,
  type hookCheck,
  type hookResume,
  isFinal,
  MIB,
  type Params,
  PAYLOAD_LIMIT,
  type playHook,
  type Result,
} from '@hero/contracts';
import { mostBytes } from '@hero/json';
import { Injectable } from '@nestjs/common';
import { PlayStore } from '../plays/play-store.js';
import { noPlay } from '../plays/plays.js';
import { alreadyResumed, Answers } from './answers.js';
import { LinkStore } from './link-store.js';
import { ResumeStore } from './resume-store.js';

const SIGNATURE_BYTES = 20;

interface Named {
  play_sid: string;
  resume_id: string;
}

@Injectable()
export class Hooks {
  private secret?: Promise<Buffer>;

  constructor(
    private readonly store: ResumeStore,
    private readonly plays: PlayStore,
    private readonly answers: Answers,
    private readonly links: LinkStore,
  ) {}

  async link(p: Params<typeof playHook>): Promise<Result<typeof playHook>> {
    const { play_sid, resume_id, name, parent_place, expires_in_ms } = p;
    await this.refuseFinal(play_sid);
    if (name !== undefined) await this.links.made(play_sid, { id: resume_id, name, parent_place });
    const expires = Date.now() + expires_in_ms;
    const named = [play_sid, resume_id, expires.toString(36)].join('.');
    const token = `${Buffer.from(named).toString('base64url')}.${(await this.sign(named)).toString('base64url')}`;
    return { token, path: `/hooks/resume/${token}`, expires_at: new Date(expires).toISOString() };
  }

  async check({ token }: Params<typeof hookCheck>): Promise<Result<typeof hookCheck>> {
    const { play_sid, resume_id } = await this.open(token);
    await this.refuseFinal(play_sid);
    const question = await this.store.byLink(play_sid, resume_id, this.store.database);
    if (question && question.resumed_at !== null) throw alreadyResumed(question.name, question.resumed_at);
    const most = question?.schema ? mostBytes(question.schema) : Number.POSITIVE_INFINITY;
    // The default limit applies to a schema without bounds.
    return { max_bytes: Number.isFinite(most) ? Math.min(PAYLOAD_LIMIT, Math.max(MIB, most)) : MIB };
  }

  async answer({ token, payload }: Params<typeof hookResume>): Promise<Result<typeof hookResume>> {
    return this.answers.answer({ ...(await this.open(token)), payload }, 'hook');
  }

  /** The claims of a token, if this installation signed it and it has not expired. */
  private async open(token: string): Promise<Named> {
    const [named = '', signature = ''] = token.split('.');
    const text = Buffer.from(named, 'base64url').toString();
    const expected = await this.sign(text);
    const given = Buffer.from(signature, 'base64url');
    // Base64 can spell the same bytes in several ways; only the canonical one is accepted.
    const spelled = token === `${Buffer.from(text).toString('base64url')}.${given.toString('base64url')}`;
    const ours = given.length === expected.length && timingSafeEqual(given, expected) && spelled;
    const [play_sid = '', resume_id = '', expires = ''] = text.split('.');
    if (!ours || Number.parseInt(expires, 36) <= Date.now())
      throw new HeroError('NOT_FOUND', 'Invalid or expired link.');
    return { play_sid, resume_id };
  }

  private async refuseFinal(playSid: string): Promise<void> {
    const play = await this.plays.mark(playSid);
    if (!play) throw noPlay(playSid);
    if (!isFinal(play.status)) return;
    throw new HeroError('INVALID_STATE', `Play ${playSid} is ${play.status}: it has no open question.`);
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

  /** The first registry that needs the secret creates it; all others read it. */
  private async load(): Promise<Buffer> {
    const { database } = this.store;
    await database.query(
      'secret_make',
      `INSERT INTO secrets (name, value) VALUES ('hooks', $1) ON CONFLICT (name) DO NOTHING`,
      [randomBytes(32)],
    );
    const text = `SELECT value FROM secrets WHERE name = 'hooks'`;
    const [row] = await database.query<{ value: Buffer }>('secret_read', text, []);
    if (!row) throw new Error('The secret of the links was neither found nor created.');
    return row.value;
  }
}
