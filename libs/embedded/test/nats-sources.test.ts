import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { tempFolder } from '@hero/testing';
import { describe, expect, test } from '@jest/globals';
import {
  debianPackage,
  EmbeddedServerError,
  findNats,
  goInstall,
  inCache,
  type NatsSource,
  onPath,
} from '../src/index.js';
import { downloadedRelease } from '../src/nats-sources.js';

const silent = () => undefined;

async function fakeServer(path: string, version: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho nats-server: v${version}\n`);
  await chmod(path, 0o755);
}

const failing = (name: string): NatsSource => ({
  name,
  find: async () => await Promise.reject(new Error(`${name} is closed today`)),
});

test('the first source that finds a program wins, and later ones are not tried', async () => {
  const asked: string[] = [];
  const source = (name: string, path?: string): NatsSource => ({
    name,
    find: async () => {
      asked.push(name);
      return path ?? (await Promise.reject(new Error('no')));
    },
  });
  expect(await findNats('/nowhere', silent, [source('a'), source('b', '/b'), source('c', '/c')])).toBe('/b');
  expect(asked).toEqual(['a', 'b']);
});

test('when every source fails the error names each with its reason, and the remedy', async () => {
  const error = await findNats('/nowhere', silent, [failing('PATH'), failing('shop')]).catch(
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(EmbeddedServerError);
  expect((error as EmbeddedServerError).message).toMatchInlineSnapshot(`
"nats-server is missing, and every way to get it failed:
  - PATH: PATH is closed today
  - shop: shop is closed today
Install it (Debian: apt-get install nats-server; macOS: brew install nats-server; or https://github.com/nats-io/nats-server/releases) so that it is on PATH, or set NATS_URL to a server of your own."
`);
});

test('the cache gives its newest version, and none that is too old or does not run', async () => {
  await using folder = await tempFolder();
  const put = async (version: string) =>
    await fakeServer(join(folder.path, 'nats-server', `nats-server-${version}`), version);
  await expect(inCache.find(folder.path, silent)).rejects.toThrow('no program in');
  await put('2.8.4');
  await expect(inCache.find(folder.path, silent)).rejects.toThrow('no program in');
  await put('2.9.10');
  await put('2.12.15');
  await writeFile(join(folder.path, 'nats-server', 'nats-server-2.99.0'), 'cut off');
  expect(await inCache.find(folder.path, silent)).toBe(join(folder.path, 'nats-server', 'nats-server-2.12.15'));
});

test('PATH gives the first program that is new enough; the error names those that are too old', async () => {
  await using folder = await tempFolder();
  const before = process.env.PATH;
  try {
    process.env.PATH = `${join(folder.path, 'old')}:${before}`;
    await fakeServer(join(folder.path, 'old', 'nats-server'), '2.1.9');
    const found = await onPath.find('', silent).catch((error: Error) => error.message);
    // The old one is the reason only if no other one is installed.
    if (!found.startsWith('/')) expect(found).toMatch(/old\/nats-server is 2\.1\.9, needed is 2\.9 or newer/);
    process.env.PATH = `${join(folder.path, 'new dir')}:${before}`;
    await fakeServer(join(folder.path, 'new dir', 'nats-server'), '2.10.1');
    expect(await onPath.find('', silent)).toBe(join(folder.path, 'new dir', 'nats-server'));
  } finally {
    process.env.PATH = before;
  }
});

describe('the official release', () => {
  async function releases(archive: Buffer) {
    const server = createServer((_, response) => response.end(archive));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { base, [Symbol.asyncDispose]: async () => void server.close() };
  }

  async function archiveOf(folder: string, name: string): Promise<Buffer> {
    await fakeServer(join(folder, name, 'nats-server'), '2.12.15');
    return execFileSync('tar', ['-cz', '-C', folder, name]);
  }

  test('is unpacked into the cache when its checksum is right', async () => {
    await using folder = await tempFolder();
    const archive = await archiveOf(folder.path, 'nats-server-v2.12.15-test');
    await using server = await releases(archive);
    const sha256 = (await import('node:crypto')).createHash('sha256').update(archive).digest('hex');
    const source = downloadedRelease({
      base: server.base,
      version: '2.12.15',
      platform: 'test',
      sha256: { test: sha256 },
    });
    const program = await source.find(join(folder.path, 'cache'), silent);
    expect(program).toBe(join(folder.path, 'cache', 'nats-server', 'nats-server-2.12.15'));
    expect(await inCache.find(join(folder.path, 'cache'), silent)).toBe(program);
  });

  test('is discarded when its checksum is wrong, and leaves nothing in the cache', async () => {
    await using folder = await tempFolder();
    await using server = await releases(await archiveOf(folder.path, 'nats-server-v2.12.15-test'));
    const source = downloadedRelease({
      base: server.base,
      version: '2.12.15',
      platform: 'test',
      sha256: { test: 'abc' },
    });
    await expect(source.find(join(folder.path, 'cache'), silent)).rejects.toThrow(
      /SHA-256 .* expected abc; the file was discarded/,
    );
    expect(await readdir(join(folder.path, 'cache', 'nats-server')).catch(() => [])).toEqual([]);
  });

  test('fails within seconds when the server does not answer', async () => {
    await using folder = await tempFolder();
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const source = downloadedRelease({
      base,
      version: '2.12.15',
      platform: 'test',
      sha256: { test: 'abc' },
      patience: 100,
    });
    await expect(source.find(folder.path, silent)).rejects.toThrow('no answer within 0.1 s');
    server.closeAllConnections();
    server.close();
  });

  test('is not tried for a platform without a pinned checksum', async () => {
    const source = downloadedRelease({ base: 'http://127.0.0.1:9', version: '2.12.15', platform: 'vax', sha256: {} });
    await expect(source.find('/nowhere', silent)).rejects.toThrow('no checksum is pinned for vax');
  });
});

const has = (program: string) => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
};

// These two need a network. Without one they must fail with a reason and leave nothing in the cache.
async function real(source: NatsSource, sources: string[]): Promise<void> {
  await using folder = await tempFolder();
  const found = await source.find(folder.path, silent).catch((error: Error) => error);
  const kept = await readdir(join(folder.path, 'nats-server'));
  if (found instanceof Error) {
    expect(found.message).toMatch(new RegExp(sources.join('|')));
    expect(kept).toEqual([]);
  } else {
    expect(execFileSync(found, ['--version'], { encoding: 'utf8' })).toMatch(/nats-server: v2\.\d+/);
    expect(kept).toEqual([expect.stringMatching(/^nats-server-2\.\d+\.\d+$/)]);
  }
}

(has('apt-get') ? test : test.skip)(
  "the distribution's package is unpacked into the cache",
  async () => {
    await real(debianPackage, ['apt-get', 'dpkg-deb', 'the program that was fetched']);
  },
  120_000,
);

// Compiling takes a minute, so this runs only on request.
(has('go') && process.env.HERO_TEST_SLOW ? test : test.skip)(
  'Go builds one into the cache',
  async () => {
    await real(goInstall, ['go']);
  },
  600_000,
);
