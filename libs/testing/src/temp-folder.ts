import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runFolder } from './run-folder.js';

export interface TempFolder extends AsyncDisposable {
  readonly path: string;
}

/** A folder of its own, removed with all it holds; also when the run is killed, together with the processes that work in it. */
export async function tempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(await runFolder(), 't'));
  await chmod(path, 0o755); // what root starts in it often runs as another user
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
