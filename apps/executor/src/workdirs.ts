/**
 * The folders of plays: empty in every attempt, removed after it.
 *
 * Each attempt has a folder of its own, `plays/<instance>/<play>.<epoch>/work`, so that an attempt which another executor
 * took over never meets the new one's files; inside the jail it is seen as `plays/<play>/work`. That of a process which is armed for
 * any play is `armed.<number>` until it has one.
 */
import { execFile } from 'node:child_process';
import { chownSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Log } from '@hero/bus';

export interface Workdirs {
  /** The folder of all plays of this executor. */
  readonly folder: string;
  make(play: string, epoch: number, owner: { uid: number; gid: number }): string;
  /** Gives a folder that was made ahead of need to a play: the new path. Whoever has it mounted keeps it. */
  rename(workdir: string, play: string, epoch: number): string;
  remove(workdir: string): Promise<void>;
  /** The same in a folder of its own, which goes with this one. */
  below(name: string): Workdirs;
  close(): Promise<void>;
}

const OWNER_FILE = 'executor.pid';

export async function openWorkdirs(plays: string, instance: string, python: string, log: Log): Promise<Workdirs> {
  const folder = join(plays, instance);
  await mkdir(folder, { recursive: true, mode: 0o711 });
  await writeFile(join(folder, OWNER_FILE), String(process.pid));
  const removeFolder = (path: string): Promise<void> => removeAll(path, python, log);
  void sweep(plays, instance, removeFolder, log);
  return workdirsIn(folder, removeFolder);
}

function workdirsIn(folder: string, removeFolder: (path: string) => Promise<void>): Workdirs {
  return {
    folder,
    // A few calls of some microseconds: handing each to another thread and back costs more than they do.
    make(play, epoch, { uid, gid }) {
      const own = join(folder, `${play}.${epoch}`);
      const work = join(own, 'work');
      mkdirSync(own, { mode: 0o711 });
      mkdirSync(work, { mode: 0o700 });
      if (uid !== process.getuid?.()) chownSync(work, uid, gid);
      return work;
    },
    rename(workdir, play, epoch) {
      const own = join(folder, `${play}.${epoch}`);
      renameSync(join(workdir, '..'), own);
      return join(own, 'work');
    },
    async remove(workdir) {
      const own = join(workdir, '..');
      if (!removedEmpty(workdir, own)) await removeFolder(own);
    },
    below(name) {
      const own = join(folder, name);
      mkdirSync(own, { recursive: true, mode: 0o711 });
      return workdirsIn(own, removeFolder);
    },
    close: () => removeFolder(folder),
  };
}

/** What executors left that were killed. */
async function sweep(
  plays: string,
  instance: string,
  remove: (path: string) => Promise<void>,
  log: Log,
): Promise<void> {
  for (const name of await readdir(plays).catch(() => [])) {
    if (name === instance) continue;
    const owner = await readOwner(join(plays, name, OWNER_FILE));
    if (owner === undefined || isAlive(owner)) continue;
    log.info({ folder: join(plays, name) }, 'removing the folders that a killed executor left');
    await remove(join(plays, name));
  }
}

/** Most plays leave nothing in it. */
function removedEmpty(work: string, own: string): boolean {
  try {
    rmdirSync(work);
    rmdirSync(own);
    return true;
  } catch {
    return false;
  }
}

async function readOwner(file: string): Promise<number | undefined> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function removeAll(path: string, python: string, log: Log): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    // Nested too deep for a path, or without permissions: by folder descriptors, never following a link.
    await promisify(execFile)(python, ['-I', join(import.meta.dirname, '..', 'remove-tree.py'), path]).catch((err) =>
      log.warn({ err, path }, 'a play’s folder could not be removed; remove it by hand'),
    );
  }
}
