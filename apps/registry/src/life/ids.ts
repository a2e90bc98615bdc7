import { createHash } from 'node:crypto';

/** The id of a question comes from its place: asked again by a replay, it is the same question (protocol.md §1). */
export const resumeIdOf = (playSid: string, place: string): string =>
  createHash('sha256').update(`resume|${playSid}|${place}`).digest('hex').slice(0, 32);

export const ROOT_PLACE = '0'.repeat(32);

/** The same place is the same span in every attempt of a play. */
export const spanIdOf = (playSid: string, place: string): string =>
  createHash('sha256').update(`${playSid}|${place}|0`).digest('hex').slice(0, 16);
