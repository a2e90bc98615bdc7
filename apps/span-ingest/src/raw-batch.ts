/** A batch as it came: bytes, which the garbage collector never looks into and which go to another thread as they are. */
export interface RawBatch {
  readonly play_sid: string;
  /** Number of the message in its stream; 0 for what was pushed. */
  readonly stream_seq: number;
  /** Which line of its message it is, from 0; 0 where it is all of it. */
  readonly line: number;
  readonly data: Uint8Array;
  /** By span_push: refused where the play is unknown or final, and stamped with the play's attempt. */
  readonly pushed: boolean;
}
