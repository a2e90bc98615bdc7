/**
 * The statuses of a play and its life cycle. Without zod, and to be imported by itself (`@hero/contracts/play-status`): who only folds or
 * shows plays, as the supervisor and viewers do, need not load every schema, which takes 14 MB.
 */
export const PLAY_STATUSES = [
  'pending',
  'running',
  'awaiting_resume',
  'success',
  'failed',
  'cancelled',
  'timed_out',
] as const;
export type PlayStatus = (typeof PLAY_STATUSES)[number];

/** The life cycle of a play (I7). `play_retry` alone reopens `failed` and `timed_out`. */
export const PLAY_TRANSITIONS: Record<PlayStatus, readonly PlayStatus[]> = {
  pending: ['running', 'cancelled', 'failed', 'timed_out'],
  running: ['pending', 'awaiting_resume', 'success', 'failed', 'cancelled', 'timed_out'],
  awaiting_resume: ['pending', 'cancelled', 'failed', 'timed_out'],
  success: [],
  failed: ['pending'],
  cancelled: [],
  timed_out: ['pending'],
};

export const FINAL_STATUSES = ['success', 'failed', 'cancelled', 'timed_out'] as const satisfies readonly PlayStatus[];
export const isFinal = (status: PlayStatus): boolean => (FINAL_STATUSES as readonly PlayStatus[]).includes(status);
