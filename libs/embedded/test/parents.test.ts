import { execFileSync } from 'node:child_process';
import { chown, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type TempFolder, tempFolder, until } from '@hero/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { processStart, stateFolder, stopNats, stopPostgres } from '../src/index.js';
import { ask } from './ask.js';
import { compiled, ended, parent } from './elsewhere.js';

const cache = process.env.HERO_CACHE ?? join(homedir(), '.cache', 'hero-logic');
const asRoot = process.getuid?.() === 0 ? test : test.skip;
const nobody = { uid: 65534, gid: 65534 };

let folder: TempFolder;
let program = '';

beforeAll(async () => {
  folder = await tempFolder();
  program = await compiled(join(folder.path, 'library'));
});

afterAll(async () => await folder[Symbol.asyncDispose]());

async function home(name: string) {
  const options = {
    home: join(folder.path, name, 'home'),
    state: join(folder.path, name, 'state'),
    cache,
    durable: false,
  };
  return {
    options,
    async [Symbol.asyncDispose]() {
      await stopNats(options);
      await stopPostgres(options);
    },
  };
}

test.each(['postgres', 'nats'] as const)(
  '%s survives kill -9 of its parent, and the next parent reuses it',
  async (kind) => {
    await using here = await home(`killed ${kind}`);
    const first = await parent(program, { kind, ...here.options });
    first.child.kill('SIGKILL');
    await ended(first.child);
    const second = await parent(program, { kind, ...here.options });
    expect(second.server).toMatchObject({ pid: first.server.pid, url: first.server.url, reused: true });
    second.child.stdin?.write('stop\n');
    await ended(second.child);
    expect(await processStart(first.server.pid)).toBeUndefined();
  },
);

test('a start succeeds after an earlier one was killed half-way', async () => {
  await using here = await home('cut');
  for (const pause of [150, 300, 500, 700, 900]) {
    await parent(program, { kind: 'postgres', ...here.options }, {}, pause).catch(() => undefined);
  }
  const last = await parent(program, { kind: 'postgres', ...here.options });
  expect(last.error).toBeUndefined();
  expect(await ask(last.server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  last.child.kill('SIGKILL');
  await ended(last.child);
});

test("Ctrl-C in the parent's terminal does not reach the server", async () => {
  await using here = await home('terminal');
  const { child, server } = await parent(program, { kind: 'nats', ...here.options });
  const session = async (pid: number) => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[3];
  expect(await session(server.pid)).toBe(String(server.pid));
  expect(await session(child.pid ?? 0)).not.toBe(String(server.pid));
  child.kill('SIGKILL');
  await ended(child);
});

test('a start works immediately after everything was killed', async () => {
  await using here = await home('everything');
  const first = await parent(program, { kind: 'postgres', ...here.options });
  first.child.kill('SIGKILL');
  process.kill(first.server.pid, 'SIGKILL');
  await ended(first.child);
  const second = await parent(program, { kind: 'postgres', ...here.options });
  expect(second.error).toBeUndefined();
  expect(second.server).toMatchObject({ url: first.server.url, reused: false });
  second.child.kill('SIGKILL');
  await ended(second.child);
});

asRoot('as root the servers run under another account, with their files where it can reach them', async () => {
  const closed = join(folder.path, 'closed');
  await mkdir(closed, { mode: 0o700 }); // like root's home
  const options = { home: join(closed, 'hero'), cache, durable: false };
  const state = stateFolder(options.home);
  expect(state).toMatch(/^\/var\/lib\/hero-logic\/[0-9a-f]{16}$/);
  try {
    for (const kind of ['postgres', 'nats'] as const) {
      const { child, server } = await parent(program, { kind, ...options });
      expect((await stat(`/proc/${server.pid}`)).uid).not.toBe(0);
      child.stdin?.write('stop\n');
      await ended(child);
    }
    expect((await stat(join(state, 'postgres'))).mode & 0o777).toBe(0o700);
  } finally {
    await stopNats(options);
    await stopPostgres(options);
    await rm(state, { recursive: true, force: true });
  }
});

asRoot(
  'an unprivileged user needs nothing from root, and all files are in HERO_HOME',
  async () => {
    const own = join(folder.path, 'nobody', `home with spaces ${'and long '.repeat(14)}`);
    await mkdir(own, { recursive: true });
    await chown(own, nobody.uid, nobody.gid);
    const options = { home: own, durable: false };
    for (const kind of ['postgres', 'nats'] as const) {
      const { child, server, error } = await parent(program, { kind, ...options }, nobody);
      expect(error).toBeUndefined();
      expect((await stat(`/proc/${server.pid}`)).uid).toBe(nobody.uid);
      expect((await stat(join(own, 'var', 'embedded', kind))).uid).toBe(nobody.uid);
      if (kind === 'postgres')
        expect(await ask(server.url, 'select inet_server_addr() is null as socket')).toEqual([{ socket: true }]);
      child.stdin?.write('stop\n');
      await ended(child);
      await until(async () => (await processStart(server.pid)) === undefined, { what: `the end of ${kind}` });
    }
    expect(
      execFileSync('find', ['/var/lib/hero-logic', '-uid', '65534', '-newer', program], { encoding: 'utf8' }),
    ).toBe('');
  },
  120_000,
);
