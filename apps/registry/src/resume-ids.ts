import { createHash } from 'node:crypto';

/** The id of a question comes from its place: asked again by a replay, it is the same question (protocol.md §1). */
export const resumeIdOf = (playSid: string, place: string): string =>
  createHash('sha256').update(`resume|${playSid}|${place}`).digest('hex').slice(0, 32);
