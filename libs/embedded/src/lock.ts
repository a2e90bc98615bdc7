import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedServerError } from './error.js';
import { isAlive, processStart } from './processes.js';

interface Holder {
  readonly pid: number;
  readonly start: string;
}

async function holderOf(path: string): Promise<Holder | undefined> {
  return await readFile(path, 'utf8')
    .then((text) => JSON.parse(text) as Holder)
    .catch(() => undefined);
}

/** One process at a time. A lock whose holder has died (even by `kill -9`) is taken over. */
export async function locked<T>(path: string, work: () => Promise<T>, within = 120_000): Promise<T> {
  const mine = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`;
  await writeFile(mine, JSON.stringify({ pid: process.pid, start: await processStart(process.pid) }));
  const end = Date.now() + within;
  try {
    for (;;) {
      // link() is atomic and never shows half a file.
      const taken = await link(mine, path).then(
        () => true,
        () => false,
      );
      if (taken) break;
      const holder = await holderOf(path);
      if (holder && !(await isAlive(holder))) {
        const stale = `${mine}.stale`;
        await rename(path, stale).catch(() => undefined);
        // A third process may have taken over between the read and the rename. Then the moved lock is live and is put back.
        const moved = await holderOf(stale);
        if (moved && (await isAlive(moved))) await link(stale, path).catch(() => undefined);
        await rm(stale, { force: true });
        continue;
      }
      if (Date.now() > end) {
        throw new EmbeddedServerError(
          `Process ${holder?.pid ?? 'unknown'} has been starting the same server for ${within / 1000} s (lock ${path}).`,
          'Wait for it, or end that process and try again.',
        );
      }
      await delay(20);
    }
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
}
