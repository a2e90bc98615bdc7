import { spawn } from 'node:child_process';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { processStart } from '@hero/embedded';
import { expect, test } from '@jest/globals';
import { runFolder, tempFolder, until } from '../src/index.js';

const exists = async (path: string) =>
  await access(path).then(
    () => true,
    () => false,
  );

/** A process that waits in the folder, like a server that was left behind. */
function waiting(cwd: string): number {
  const child = spawn('sleep', ['600'], { cwd, detached: true, stdio: 'ignore' });
  child.unref();
  return child.pid ?? 0;
}

async function asRun<T>(pid: number, work: () => Promise<T>): Promise<T> {
  const before = process.env.HERO_TEST_RUN;
  process.env.HERO_TEST_RUN = String(pid);
  try {
    return await work();
  } finally {
    process.env.HERO_TEST_RUN = before;
  }
}

test('after a kill -9 of the run its processes end and its folder is removed', async () => {
  const run = spawn('sleep', ['600'], { stdio: 'ignore' });
  const folder = await asRun(run.pid ?? 0, runFolder);
  await mkdir(join(folder, 'server'));
  const server = waiting(join(folder, 'server'));
  run.kill('SIGKILL');
  await until(async () => !(await exists(folder)), { within: 8000, what: 'the removal of the folder' });
  expect(await processStart(server)).toBeUndefined();
});

test('all workers of a run have the same folder; another run has another one', async () => {
  const mine = await runFolder();
  expect(await runFolder()).toBe(mine);
  const other = spawn('sleep', ['600'], { stdio: 'ignore' });
  expect(await asRun(other.pid ?? 0, runFolder)).not.toBe(mine);
  other.kill('SIGKILL');
});

test('a temporary folder is removed after use', async () => {
  let path = '';
  {
    await using folder = await tempFolder();
    path = folder.path;
    expect(path.startsWith(await runFolder())).toBe(true);
  }
  expect(await exists(path)).toBe(false);
});
