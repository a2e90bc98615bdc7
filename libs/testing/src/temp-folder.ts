import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runFolder } from './run-folder.js';

export interface TempFolder extends AsyncDisposable {
  readonly path: string;
}

/** A new folder, removed with its content after use. If the run is killed, the watcher removes it and the processes that work in it. */
export async function tempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(await runFolder(), 't'));
  await chmod(path, 0o755); // processes that root starts in it often run as another user
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
