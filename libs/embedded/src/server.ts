/**
 * Starts and stops a server that may outlive its parent process.
 *
 * S1 Never two servers on one data folder: a live one that answers is reused, any other is ended first.
 * S2 The port is remembered: a restart keeps the url, unless somebody else holds the port.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { serverAccount } from './account.js';
import { EmbeddedServerError } from './error.js';
import { openState, stateFolder } from './folders.js';
import { launch, logFile, type PidFile, pidFilePath, readJson, watched } from './launch.js';
import { locked } from './lock.js';
import { freePort, isFree } from './ports.js';
import { emptyOfProcesses, endProcess, isAlive } from './processes.js';
import type { EmbeddedServer, ServerHome, ServerDeath, ServerKind, ServerOptions } from './server-kind.js';

export async function startServer(kind: ServerKind, options: ServerOptions): Promise<EmbeddedServer> {
  const log = options.log ?? (() => undefined);
  const folder = options.state ?? stateFolder(options.home);
  const state = await openState(options.home, folder, (folder) => emptyOfProcesses(folder, 0));
  if (state.setAside) log(`HERO_HOME is new: the servers' earlier data was moved to ${state.setAside}`);
  const home: ServerHome = { state, account: await serverAccount(), log };
  return await locked(join(state.folder, `${kind.name}.lock`), async () => {
    return (await reuse(kind, home, options)) ?? (await start(kind, home, options));
  });
}

async function reuse(kind: ServerKind, home: ServerHome, options: ServerOptions): Promise<EmbeddedServer | undefined> {
  const pidFile = await readJson<PidFile>(pidFilePath(kind, home.state.folder));
  if (!pidFile) return undefined;
  if (await isAlive(pidFile)) {
    const wanted = options.port === undefined || options.port === pidFile.port;
    const version = wanted ? await firstAnswer(kind, home, pidFile.port, () => isAlive(pidFile), 30_000) : undefined;
    if (version !== undefined) {
      home.log(`${kind.name} ${version} is still running (pid ${pidFile.pid})`);
      return handle(kind, home, pidFile, version, watched(kind, pidFile), true);
    }
    await endProcess(pidFile, kind.stopSignals); // S1
  }
  await rm(pidFilePath(kind, home.state.folder), { force: true });
  return undefined;
}

async function firstAnswer(
  kind: ServerKind,
  home: ServerHome,
  port: number,
  alive: () => Promise<boolean>,
  within: number,
): Promise<string | undefined> {
  const begun = Date.now();
  for (let told = begun; ; ) {
    const version = await kind.answers(home, port);
    if (version !== undefined) return version;
    if (!(await alive()) || Date.now() - begun > within) return undefined;
    if (Date.now() - told > 5000) {
      told = Date.now();
      home.log(`${kind.name} does not answer yet (${Math.round((told - begun) / 1000)} s)`);
    }
    await delay(10);
  }
}

async function start(kind: ServerKind, home: ServerHome, options: ServerOptions): Promise<EmbeddedServer> {
  await emptyOfProcesses(join(home.state.folder, kind.name), kind.patience); // S1: orphans of a killed server or initdb
  await kind.prepare(home);
  const portFile = join(home.state.folder, `${kind.name}.port`);
  const seed = `${home.state.folder} ${kind.name}`;
  let port = options.port ?? (await readJson<number>(portFile)) ?? (await freePort(seed));
  for (let attempt = 1; ; attempt++) {
    // S2: a process that just died may still hold the port; another port is chosen only if this one stays taken.
    for (let tries = 0; !(await isFree(port)); tries++) {
      if (tries < 20) await delay(50);
      else if (options.port === undefined) port = await freePort(`${seed} ${Date.now()}`);
      else {
        throw new EmbeddedServerError(
          `${kind.name} cannot listen on 127.0.0.1:${port}: the port is taken.`,
          'End the process that listens there, or choose another port.',
        );
      }
    }
    const begun = await launch(kind, home, port);
    const version = await firstAnswer(kind, home, port, () => isAlive(begun.pidFile), 120_000);
    if (version !== undefined) {
      await writeFile(portFile, String(port));
      await kind.finish?.(home, port);
      home.log(`${kind.name} ${version} started (pid ${begun.pidFile.pid}, port ${port})`);
      return handle(kind, home, begun.pidFile, version, begun.exit, false);
    }
    await endProcess(begun.pidFile, kind.stopSignals);
    await rm(pidFilePath(kind, home.state.folder), { force: true });
    const cause = begun.pidFile.pid === 0 ? (await begun.exit).error : undefined;
    const said = (await readFile(logFile(kind, home.state.folder), 'utf8')).slice(begun.logStart).trim();
    const tail = (cause?.message ?? said).split('\n').slice(-12);
    if (attempt < 5 && options.port === undefined && tail.some((line) => /address already in use/i.test(line)))
      continue;
    throw new EmbeddedServerError(
      `${kind.name} did not start:\n  ${tail.join('\n  ')}`,
      `The whole log is ${logFile(kind, home.state.folder)}. Correct what it names and try again, or set ${kind.name === 'postgres' ? 'DATABASE_URL' : 'NATS_URL'} to a server of your own.`,
      { cause },
    );
  }
}

function handle(
  kind: ServerKind,
  home: ServerHome,
  pidFile: PidFile,
  version: string,
  exit: Promise<ServerDeath>,
  reused: boolean,
): EmbeddedServer {
  let stopping = false;
  return {
    url: kind.url(home, pidFile.port),
    pid: pidFile.pid,
    version,
    reused,
    died: new Promise((resolve) => void exit.then((death) => stopping || resolve(death))),
    async stop() {
      stopping = true;
      await ended(kind, home.state.folder, pidFile);
    },
  };
}

/** Ends all server processes of a home, also those that another process started; returns whether there were any. */
export async function stopServer(kind: ServerKind, options: Pick<ServerOptions, 'home' | 'state'>): Promise<boolean> {
  const folder = options.state ?? stateFolder(options.home);
  const pidFile = await readJson<PidFile>(pidFilePath(kind, folder));
  const running = pidFile !== undefined && (await isAlive(pidFile));
  if (pidFile) await ended(kind, folder, pidFile);
  return running;
}

async function ended(kind: ServerKind, folder: string, pidFile: PidFile): Promise<void> {
  await locked(join(folder, `${kind.name}.lock`), async () => {
    await endProcess(pidFile, kind.stopSignals);
    // Another process may have started a new server meanwhile; then nothing is cleaned up.
    if ((await readJson<PidFile>(pidFilePath(kind, folder)))?.pid !== pidFile.pid) return;
    await emptyOfProcesses(join(folder, kind.name), kind.patience);
    await rm(pidFilePath(kind, folder), { force: true });
    await kind.ended?.(folder);
  });
}
