import { lstatSync, mkdirSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { paths } from './paths.js';

/** What V8 made of each module is kept between starts, where Node can do so (22.1 and later). */
export function cacheCompiledCode(home = process.env.HERO_HOME): void {
  const { enableCompileCache } = module as { enableCompileCache?: (folder: string) => unknown };
  const folder = enableCompileCache && home ? compileCacheFolder(home) : undefined;
  if (folder !== undefined) enableCompileCache?.(folder);
}

/**
 * Code is run from it, so nobody else may write there; Node's own default is a folder in the temp folder that anybody could have
 * made before. Undefined where there is no `var` yet, or what is there is not a private folder of this account: then there is no cache.
 */
export function compileCacheFolder(home: string): string | undefined {
  const folder = join(paths(home).var, 'compile-cache');
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch {
    // It is there already, or cannot be: judged below.
  }
  const found = lstatSync(folder, { throwIfNoEntry: false });
  const isPrivate = found?.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
  return isPrivate ? folder : undefined;
}
