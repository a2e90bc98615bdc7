/** Maps how a process ended to the status and the error of its play. */
import type { ExitCause, PlayError, PlayStatus } from '@hero/contracts';

const fault = (type: string, message: string): PlayError => ({ type, message, traceback: '', span_id: null });

export interface Ending {
  status: Extract<PlayStatus, 'failed' | 'timed_out'>;
  error: PlayError;
}

/** The status and error of a play whose process ended without a committed end or pause (protocol.md §2). */
export function endingOf(cause: ExitCause): Ending {
  const { kind, code, signal, message } = cause;
  switch (kind) {
    case 'exited':
      return { status: 'failed', error: exited(code ?? 0, message) };
    case 'signalled':
      return { status: 'failed', error: fault('KilledBySignal', said(message, `The process was ended by ${signal}.`)) };
    case 'protocol':
      return { status: 'failed', error: fault('ProtocolError', said(message, 'The process broke the protocol.')) };
    case 'limit':
      return { status: 'failed', error: fault('LimitExceeded', said(message, 'The process exceeded a limit.')) };
    case 'not_started':
      return { status: 'failed', error: fault('NotStarted', said(message, 'The process could not be started.')) };
    case 'packages':
      return {
        status: 'failed',
        error: fault('PackagesNotInstalled', said(message, 'Its packages could not be installed.')),
      };
    case 'time_limit':
      return timeLimit();
  }
}

export const timeLimit = (): Ending => ({
  status: 'timed_out',
  error: fault('TimeLimit', 'The play’s own time limit is over; play_retry runs it again with the whole limit.'),
});

export const poison = (crashes: number): Ending => ({
  status: 'failed',
  error: fault('Poison', `Its process or its executor died ${crashes} times in a row without a new step committed.`),
});

function exited(code: number, message: string): PlayError {
  if (code === 0) return fault('ExitedEarly', said(message, 'The process exited with 0 before the flow had returned.'));
  if (code === 75) {
    return fault('PausedWithoutQuestion', said(message, 'The process exited with 75 without a committed question.'));
  }
  return fault('ExitCode', said(message, `The process exited with ${code}.`));
}

const said = (message: string, otherwise: string): string => message || otherwise;

const UNSTORABLE = /\0|\p{Surrogate}/gu;

/** The text of an error is only shown, never replayed, so characters that PostgreSQL cannot store are replaced. */
export function storable(error: PlayError): PlayError {
  const clean = (text: string): string => text.replace(UNSTORABLE, '\ufffd');
  return {
    type: clean(error.type),
    message: clean(error.message),
    traceback: clean(error.traceback),
    span_id: error.span_id && clean(error.span_id),
  };
}
