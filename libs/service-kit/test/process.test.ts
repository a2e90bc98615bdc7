import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { connectBus } from '@hero/bus';
import { contract } from '@hero/contracts';
import { gatherInfo } from '@hero/service-kit';
import { type TestServer, testNats } from '@hero/testing';
import { z } from 'zod';

const root = join(import.meta.dirname, '..', '..', '..');
const main = join(import.meta.dirname, 'greeter', 'main.mjs');
const asker = join(import.meta.dirname, 'asker', 'main.mjs');
const host = join(import.meta.dirname, '..', 'dist', 'host.js');
const greet = contract({
  name: 'greet',
  service: 'registry',
  summary: 'Greets.',
  params: z.strictObject({ name: z.string() }),
  result: z.object({ text: z.string(), pid: z.int() }),
});

// Processes run what is built, so it is built here: a second with nothing to do.
beforeAll(
  () => promisify(execFile)('node', ['node_modules/typescript/bin/tsc', '-b', 'libs/service-kit'], { cwd: root }),
  60_000,
);

class Process implements AsyncDisposable {
  readonly child: ChildProcess;
  errors = '';
  readonly facts: Record<string, unknown>[] = [];
  readonly ended: Promise<[number | null, NodeJS.Signals | null]>;

  constructor(args: string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, args, {
      env: { PATH: process.env.PATH, GREETING: 'Hello', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.ended = once(this.child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    this.child.stderr?.on('data', (data: Buffer) => {
      this.errors += data.toString();
    });
  }

  /** Reads its log until it has said this so many times. */
  async said(sentence: RegExp, times = 1): Promise<Record<string, unknown>> {
    if (!this.child.stdout) throw new Error('no output');
    for await (const line of createInterface({ input: this.child.stdout })) {
      const fact = JSON.parse(line) as Record<string, unknown>;
      this.facts.push(fact);
      if (sentence.test(String(fact.msg)) && --times === 0) return fact;
    }
    throw new Error(`it ended without saying ${sentence}: ${this.errors}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

const busOf = (nats: TestServer) => connectBus({ url: nats.url, name: 'asker' });

it('a service runs by itself, says so with its build number, and ends with code 0 on SIGTERM', async () => {
  await using nats = await testNats();
  await using service = new Process([main], { NATS_URL: nats.url, HERO_BUILD_NR: '42' });
  const banner = await service.said(/is up/);
  expect(banner).toMatchObject({
    level: 'info',
    msg: 'registry 1.2.3 (build 42) is up',
    service: 'registry',
    build_nr: '42',
  });
  await using bus = await busOf(nats);
  expect(await bus.ask(greet, { name: 'Ada' })).toMatchObject({ text: 'Hello, Ada' });
  service.child.kill('SIGTERM');
  expect(await service.ended).toEqual([0, null]);
  expect(service.errors).toBe('own work ended\n');
});

it('a host runs several services in one process, each answering for itself', async () => {
  await using nats = await testNats();
  await using service = new Process([host, main, main], { NATS_URL: nats.url });
  await service.said(/is up/);
  await using bus = await busOf(nats);
  let infos = await gatherInfo(bus);
  while (infos.length < 2) infos = await gatherInfo(bus);
  expect(new Set(infos.map(({ pid }) => pid))).toEqual(new Set([service.child.pid]));
  expect(new Set(infos.map(({ instance }) => instance)).size).toBe(2);
  service.child.kill('SIGINT');
  expect(await service.ended).toEqual([0, null]);
});

describe('services that share a process', () => {
  /** Both are up when the second one has said so. */
  async function both(nats: TestServer, order: string[]): Promise<Process> {
    const process = new Process([host, ...order], { NATS_URL: nats.url });
    await process.said(/is up/, 2);
    return process;
  }

  it('stop one after the other, so that who asks finds whom it asks', async () => {
    await using nats = await testNats();
    await using process = await both(nats, [main, asker]);
    process.child.kill('SIGTERM');
    expect(await process.ended).toEqual([0, null]);
    expect(process.errors).toBe('Hello, Ada\nown work ended\n');
  });

  it('all end, in the same order, by a fault of one', async () => {
    await using nats = await testNats();
    await using process = await both(nats, [main, asker]);
    await using bus = await busOf(nats);
    bus.announce('test.fail', {});
    expect(await process.ended).toEqual([1, null]);
    expect(process.errors).toBe('Hello, Ada\nown work ended\n');
  });
});

it('a host waits for the part of its environment that its parent sends later', async () => {
  await using nats = await testNats();
  const late = spawn(process.execPath, [host, '--env-by-ipc', main], {
    env: { PATH: process.env.PATH, GREETING: 'Hello', NATS_URL: 'nats://127.0.0.1:1' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ready = once(late, 'message');
  late.send({ env: { NATS_URL: nats.url } });
  expect(await ready).toEqual([{ ready: ['registry'] }, undefined]);
  const ended = once(late, 'exit');
  late.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

it('a host that waits for its environment ends with its parent', async () => {
  const late = spawn(process.execPath, [host, '--env-by-ipc', main], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(late, 'exit');
  late.disconnect();
  expect(await ended).toEqual([0, null]);
});

it('a service ends when its lifeline does: its supervisor died', async () => {
  await using nats = await testNats();
  await using service = new Process([main], { NATS_URL: nats.url, HERO_LIFELINE: 'stdin' });
  await service.said(/is up/);
  service.child.stdin?.end();
  expect(await service.ended).toEqual([0, null]);
});

it('a service that cannot start says why on standard error and ends with code 1', async () => {
  await using service = new Process([main], { GREETING: '', NATS_URL: 'http://x' });
  expect(await service.ended).toEqual([1, null]);
  expect(service.errors).toMatch(
    /registry cannot start: its environment is not right\.\n {2}- NATS_URL .*\n {2}- GREETING is not set/,
  );
});

it('--info prints the manifest, with what every service reads', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--info']);
  const info: unknown = JSON.parse(stdout);
  expect(info).toMatchObject({
    name: 'registry',
    version: '1.2.3',
    subjects: ['hero.registry.greet'],
    environment: { GREETING: 'How people are greeted.', NATS_URL: expect.stringContaining('nats://') },
  });
});

it('a failpoint kills the process as kill -9 does, the third time', async () => {
  await using nats = await testNats();
  await using service = new Process([main], { NATS_URL: nats.url, HERO_FAILPOINTS: 'greeter.greet.before=kill@3' });
  await service.said(/is up/);
  await using bus = await busOf(nats);
  for (const name of ['a', 'b']) await bus.ask(greet, { name });
  const last = bus.ask(greet, { name: 'c' }, { timeoutMs: 500 });
  await expect(last).rejects.toMatchObject({ code: 'TIMEOUT' });
  expect(await service.ended).toEqual([null, 'SIGKILL']);
});
