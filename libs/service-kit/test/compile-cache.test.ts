import { execFile } from 'node:child_process';
import { chmod, mkdir, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tempFolder } from '@hero/testing';
import { compileCacheFolder } from '../src/compile-cache.js';

const compiled = join(import.meta.dirname, '..', 'dist', 'compile-cache.js');

// Node 20 has no such function: this says what Node would be given.
const SAY_FOLDER = `
  import module from 'node:module';
  module.enableCompileCache = (...given) => console.log(JSON.stringify(given));
  const { cacheCompiledCode } = await import(process.argv[1]);
  cacheCompiledCode();`;

async function given(env: NodeJS.ProcessEnv): Promise<string> {
  const args = ['--input-type=module', '--eval', SAY_FOLDER, compiled];
  return (await promisify(execFile)(process.execPath, args, { env: { PATH: process.env.PATH, ...env } })).stdout;
}

describe('the compile cache', () => {
  beforeAll(async () => {
    const root = join(import.meta.dirname, '..', '..', '..');
    await promisify(execFile)('node', ['node_modules/typescript/bin/tsc', '-b', 'libs/service-kit'], { cwd: root });
  }, 60_000);

  it('is a private folder below HERO_HOME, the same at each start', async () => {
    await using home = await tempFolder();
    await mkdir(join(home.path, 'var'));
    const folder = join(home.path, 'var', 'compile-cache');
    for (let starts = 0; starts < 2; starts++) {
      expect(await given({ HERO_HOME: home.path })).toBe(`${JSON.stringify([folder])}\n`);
    }
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it('is left out without a HERO_HOME that has been used', async () => {
    await using home = await tempFolder();
    expect(await given({})).toBe('');
    expect(await given({ HERO_HOME: home.path })).toBe('');
  });

  it('is left out where others may write to it, or it is a link', async () => {
    await using home = await tempFolder();
    await mkdir(join(home.path, 'var'));
    await mkdir(join(home.path, 'elsewhere'), { mode: 0o700 });
    const folder = join(home.path, 'var', 'compile-cache');
    await symlink(join(home.path, 'elsewhere'), folder);
    expect(compileCacheFolder(home.path)).toBeUndefined();
    await using other = await tempFolder();
    await mkdir(join(other.path, 'var', 'compile-cache'), { recursive: true });
    await chmod(join(other.path, 'var', 'compile-cache'), 0o777);
    expect(compileCacheFolder(other.path)).toBeUndefined();
  });
});
