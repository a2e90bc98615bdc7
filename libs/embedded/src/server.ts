/**
 * The life of a server that outlives us when it must.
 *
 * S1 The pid file is written before anyone waits for the server, so a `kill -9` of the parent leaves no server we cannot find.
 * S2 Never two servers on one data folder: a live one that answers is reused, any other is ended first.
 * S3 The port is remembered: a restart keeps the url, unless somebody else holds the port.
 * S4 A server's output goes to a file, never to a pipe: it lives on when its parent dies, and Ctrl-C in the terminal does not
 *    reach it (own session).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Account, serverAccount } from './account.js';
import { EmbeddedServerError } from './error.js';
import { openState, type State, stateFolder } from './folders.js';
import { locked } from './lock.js';
import { freePort, isFree } from './ports.js';
import { emptyOfProcesses, endProcess, isAlive, processStart } from './processes.js';

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

export interface Place {
  readonly state: State;
  readonly account: Account;
  readonly log: (line: string) => void;
}

/** What differs between the servers. */
export interface ServerKind {
  readonly name: string;
  /** its working directory (P2); it exists after `prepare` */
  dataFolder(place: Place): string;
  /** finds the program and makes the data folder */
  prepare(place: Place): Promise<void>;
  /** writes the configuration; returns the command line */
  command(place: Place, port: number): Promise<{ command: string; args: string[]; env?: Record<string, string> }>;
  /** its version once it answers to our password, undefined as long as it does not */
  answers(place: Place, port: number): Promise<string | undefined>;
  /** after the first answer */
  finish?(place: Place, port: number): Promise<void>;
  url(place: Place, port: number): string;
  /** how long its orphans may take to leave by themselves, ms */
  readonly patience: number;
  readonly stopSignals: readonly (readonly [NodeJS.Signals, number])[];
}

interface Mark {
  readonly pid: number;
  readonly start: string;
  readonly port: number;
}

const readJson = async <T>(path: string): Promise<T | undefined> =>
  await readFile(path, 'utf8')
    .then((text) => JSON.parse(text) as T)
    .catch(() => undefined);

export async function startServer(kind: ServerKind, options: ServerOptions): Promise<EmbeddedServer> {
  const log = options.log ?? (() => undefined);
  const folder = options.state ?? stateFolder(options.home);
  const state = await openState(options.home, folder, (folder) => emptyOfProcesses(folder, 0));
  if (state.setAside) log(`HERO_HOME is new: the servers' earlier data was moved to ${state.setAside}`);
  const place: Place = { state, account: await serverAccount(), log };
  return await locked(join(state.folder, `${kind.name}.lock`), async () => {
    return (await reuse(kind, place, options)) ?? (await start(kind, place, options));
  });
}

const markFile = (kind: ServerKind, place: Place) => join(place.state.folder, `${kind.name}.pid`);
const logFile = (kind: ServerKind, place: Place) => join(place.state.folder, `${kind.name}.log`);

async function reuse(kind: ServerKind, place: Place, options: ServerOptions): Promise<EmbeddedServer | undefined> {
  const mark = await readJson<Mark>(markFile(kind, place));
  if (!mark) return undefined;
  if (await isAlive(mark)) {
    const wanted = options.port === undefined || options.port === mark.port;
    const version = wanted ? await firstAnswer(kind, place, mark.port, () => isAlive(mark), 10_000) : undefined;
    if (version !== undefined) {
      place.log(`${kind.name} ${version} is still running (pid ${mark.pid})`);
      return handle(kind, place, mark, version, watched(kind, mark), true);
    }
    await endProcess(mark, kind.stopSignals); // S2
  }
  await rm(markFile(kind, place), { force: true });
  return undefined;
}

async function firstAnswer(
  kind: ServerKind,
  place: Place,
  port: number,
  alive: () => Promise<boolean>,
  within: number,
): Promise<string | undefined> {
  const begun = Date.now();
  for (let told = begun; ; ) {
    const version = await kind.answers(place, port);
    if (version !== undefined) return version;
    if (!(await alive()) || Date.now() - begun > within) return undefined;
    if (Date.now() - told > 5000) {
      told = Date.now();
      place.log(`${kind.name} does not answer yet (${Math.round((told - begun) / 1000)} s)`);
    }
    await delay(10);
  }
}

async function start(kind: ServerKind, place: Place, options: ServerOptions): Promise<EmbeddedServer> {
  await kind.prepare(place);
  await emptyOfProcesses(kind.dataFolder(place), kind.patience); // S2: orphans of a killed server
  const portFile = join(place.state.folder, `${kind.name}.port`);
  const seed = `${place.state.folder} ${kind.name}`;
  let port = options.port ?? (await readJson<number>(portFile)) ?? (await freePort(seed));
  for (let attempt = 1; ; attempt++) {
    // S3: the port may still be held by what just died; only then is another one chosen.
    for (let tries = 0; !(await isFree(port)); tries++) {
      if (tries < 40) await delay(50);
      else if (options.port === undefined) port = await freePort(`${seed} ${Date.now()}`);
      else {
        throw new EmbeddedServerError(
          `${kind.name} cannot listen on 127.0.0.1:${port}: the port is taken.`,
          'End the process that listens there, or choose another port.',
        );
      }
    }
    const begun = await launch(kind, place, port);
    const version = await firstAnswer(kind, place, port, () => isAlive(begun.mark), 120_000);
    if (version !== undefined) {
      await writeFile(portFile, String(port));
      await kind.finish?.(place, port);
      place.log(`${kind.name} ${version} started (pid ${begun.mark.pid}, port ${port})`);
      return handle(kind, place, begun.mark, version, begun.exit, false);
    }
    await endProcess(begun.mark, kind.stopSignals);
    await rm(markFile(kind, place), { force: true });
    const cause = begun.mark.pid === 0 ? (await begun.exit).error : undefined;
    const said = (await readFile(logFile(kind, place), 'utf8')).slice(begun.logStart).trim();
    const tail = (cause?.message ?? said).split('\n').slice(-12);
    if (attempt < 5 && options.port === undefined && tail.some((line) => /address already in use/i.test(line)))
      continue;
    throw new EmbeddedServerError(
      `${kind.name} did not start:\n  ${tail.join('\n  ')}`,
      `The whole log is ${logFile(kind, place)}. Correct what it names and try again, or set ${kind.name === 'postgres' ? 'DATABASE_URL' : 'NATS_URL'} to a server of your own.`,
      { cause },
    );
  }
}

async function launch(kind: ServerKind, place: Place, port: number) {
  const { command, args, env } = await kind.command(place, port);
  const path = logFile(kind, place);
  if ((await stat(path).catch(() => ({ size: 0 }))).size > 8 * 1024 * 1024) await rename(path, `${path}.1`);
  const output = await open(path, 'a', 0o600); // S4
  const logStart = (await output.stat()).size;
  const { uid, gid } = place.account;
  const child = spawn(command, args, {
    cwd: kind.dataFolder(place),
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
    env: { PATH: process.env.PATH, HOME: kind.dataFolder(place), ...env },
    uid,
    gid,
  });
  const exit = exitOf(kind, child);
  await output.close();
  child.unref();
  const pid = child.pid ?? 0;
  const processBegun = pid === 0 ? undefined : await processStart(pid);
  const mark: Mark = { pid, start: processBegun ?? 'gone', port };
  await writeFile(markFile(kind, place), JSON.stringify(mark)); // S1
  return { mark, exit, logStart };
}

function exitOf(kind: ServerKind, child: ChildProcess): Promise<ServerDeath> {
  return new Promise((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null) =>
      resolve({ name: kind.name, pid: child.pid ?? 0, code, signal });
    child.once('exit', end);
    child.once('error', (error) => resolve({ name: kind.name, pid: 0, code: null, signal: null, error }));
  });
}

/** The end of a server that is not our child is seen by looking. */
function watched(kind: ServerKind, mark: Mark): Promise<ServerDeath> {
  return new Promise((resolve) => {
    const look = async () => {
      if (await isAlive(mark)) setTimeout(look, 200).unref();
      else resolve({ name: kind.name, pid: mark.pid, code: null, signal: null });
    };
    void look();
  });
}

function handle(
  kind: ServerKind,
  place: Place,
  mark: Mark,
  version: string,
  exit: Promise<ServerDeath>,
  reused: boolean,
): EmbeddedServer {
  let stopping = false;
  return {
    url: kind.url(place, mark.port),
    pid: mark.pid,
    version,
    reused,
    died: new Promise((resolve) => void exit.then((death) => stopping || resolve(death))),
    async stop() {
      stopping = true;
      await endProcess(mark, kind.stopSignals);
      await emptyOfProcesses(kind.dataFolder(place), kind.patience);
      // Somebody may have started a new one meanwhile: only our own mark is removed.
      if ((await readJson<Mark>(markFile(kind, place)))?.pid === mark.pid)
        await rm(markFile(kind, place), { force: true });
    },
  };
}
