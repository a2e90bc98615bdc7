/** The interface between a kind of embedded server and the code that starts, watches and stops servers. */
import type { Account } from './account.js';
import type { State } from './folders.js';

export interface ServerDeath {
  readonly name: string;
  readonly pid: number;
  /** both null for a server that another process started, because only its parent learns them */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** why the process could not be started */
  readonly error?: Error;
}

export interface EmbeddedServer {
  readonly url: string;
  readonly pid: number;
  readonly version: string;
  /** it was already running: an earlier parent had started it */
  readonly reused: boolean;
  /** resolves when it dies without `stop()` */
  readonly died: Promise<ServerDeath>;
  /** ends it, also if another process started it */
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** HERO_HOME */
  home: string;
  log?: (line: string) => void;
  /** the port to use; no other one is tried */
  port?: number;
  /** instead of `stateFolder(home)`; the server's account must be able to go there */
  state?: string;
}

export interface ServerHome {
  readonly state: State;
  readonly account: Account;
  readonly log: (line: string) => void;
}

/** What differs between the servers. */
export interface ServerKind {
  readonly name: string;
  /** its working directory, in the folder `<state>/<name>` (P2); it exists after `prepare` */
  dataFolder(state: string): string;
  /** finds the program and makes the data folder */
  prepare(home: ServerHome): Promise<void>;
  /** writes the configuration; returns the command line */
  command(home: ServerHome, port: number): Promise<{ command: string; args: string[]; env?: Record<string, string> }>;
  /** its version once it accepts our password, undefined before */
  answers(home: ServerHome, port: number): Promise<string | undefined>;
  /** after the first answer */
  finish?(home: ServerHome, port: number): Promise<void>;
  /** called after a stop, to clean up */
  ended?(state: string): Promise<void>;
  url(home: ServerHome, port: number): string;
  /** how long its orphans may take to exit by themselves, ms */
  readonly patience: number;
  readonly stopSignals: readonly (readonly [NodeJS.Signals, number])[];
}
