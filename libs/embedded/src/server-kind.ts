/** What the embedded servers are to the code that starts, watches and stops them. */
import type { Account } from './account.js';
import type { State } from './folders.js';

export interface ServerDeath {
  readonly name: string;
  readonly pid: number;
  /** both null for a server that another process started: nobody can know */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** why it could not even begin */
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
  /** ends it, whoever started it */
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** HERO_HOME */
  home: string;
  log?: (line: string) => void;
  /** this port and no other */
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
  /** its version once it answers to our password, undefined as long as it does not */
  answers(home: ServerHome, port: number): Promise<string | undefined>;
  /** after the first answer */
  finish?(home: ServerHome, port: number): Promise<void>;
  /** after a stop: what else to clear away */
  ended?(state: string): Promise<void>;
  url(home: ServerHome, port: number): string;
  /** how long its orphans may take to leave by themselves, ms */
  readonly patience: number;
  readonly stopSignals: readonly (readonly [NodeJS.Signals, number])[];
}
