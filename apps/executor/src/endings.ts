/** How an attempt ended, and the cause that is reported to the registry: a table, not scattered ifs. */
import type { ExitCause } from '@hero/contracts';
import type { Ending } from './fork-server.js';
import { WeakerSandbox } from './fork-servers.js';
import { InstallFailed } from './packages/install-failed.js';
import { NoSlot } from './packages/preparation.js';
import type { Standing } from './requests.js';

/** Why this executor ended a process. */
export type KillReason =
  /** This executor no longer owns the play: it was cancelled, taken over, or ended by the registry. */
  | 'fenced'
  | 'protocol'
  | 'limit'
  | 'time_limit'
  /** What its version requires could not be installed. */
  | 'packages'
  /** It could not be told what to run. */
  | 'not_started'
  /** This executor cannot run it now. */
  | 'unable'
  /** It did not leave after its end or its pause was committed. */
  | 'lingered'
  | 'drain';

/** Of an error before the play had a process. */
export function reasonOf(error: unknown): KillReason {
  if (error instanceof InstallFailed) return 'packages';
  return error instanceof NoSlot || error instanceof WeakerSandbox ? 'unable' : 'not_started';
}

export type Told = ExitCause | 'release' | 'nothing';

const cause = (kind: ExitCause['kind'], message = ''): ExitCause => ({ kind, code: null, signal: null, message });

export function causeOf(ending: Ending, standing: Standing, killed?: { reason: KillReason; message: string }): Told {
  if (standing === 'lost' || standing === 'ended') return 'nothing';
  // A committed pause counts, whatever ended its process.
  if (standing === 'suspended') return { kind: 'exited', code: 75, signal: null, message: '' };
  switch (killed?.reason) {
    case 'fenced':
      return 'nothing';
    case 'drain':
    case 'unable':
      return 'release';
    case 'protocol':
    case 'limit':
    case 'time_limit':
    case 'not_started':
    case 'packages':
      return cause(killed.reason, killed.message);
    case 'lingered':
    case undefined:
      return causeOfEnding(ending);
  }
}

function causeOfEnding(ending: Ending): Told {
  switch (ending.t) {
    case 'lost':
      return 'release';
    case 'not_started':
      return ending.deadline ? 'release' : cause('not_started', ending.message);
    case 'exit':
      if (ending.why === 'deadline' || ending.why === 'channel') return 'release';
      if (ending.signal === 'SIGXCPU') return cause('limit', 'The play used more CPU time than it may.');
      if (ending.signal !== null) return { kind: 'signalled', code: null, signal: ending.signal, message: '' };
      return { kind: 'exited', code: ending.code, signal: null, message: '' };
  }
}
