/** play_payload: reads one large value by the reference that replaced it in a reply. */
import { HeroError, type Json, type Params, type playPayload, rawJson } from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { ROOT_PLACE, spanIdOf } from '../life/ids.js';
import { isPayloadKind, PayloadStore } from './payload-store.js';

@Injectable()
export class Payloads {
  constructor(private readonly store: PayloadStore) {}

  async get({ play_sid, ref }: Params<typeof playPayload>): Promise<Json> {
    const dot = ref.indexOf('.');
    const kind = dot < 0 ? ref : ref.slice(0, dot);
    const key = dot < 0 ? '' : ref.slice(dot + 1);
    const isRoot = kind === 'span' && key === spanIdOf(play_sid, ROOT_PLACE);
    const text = isRoot
      ? await this.store.text(play_sid, 'output', '')
      : isPayloadKind(kind)
        ? await this.store.text(play_sid, kind, key)
        : null;
    if (text !== null) return rawJson(text);
    throw new HeroError(
      'NOT_FOUND',
      `Play ${play_sid} has no value ${ref}; repeat the call whose reply had this reference.`,
    );
  }
}
