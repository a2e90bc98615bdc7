import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { connectBus } from '@hero/bus';
import { INFO_SUBJECT, ServiceInfo } from '@hero/contracts';
import { bootService, type RunningService } from '@hero/service-kit';
import { tempFolder, type TestServer, testNats } from '@hero/testing';
import service from '../src/main.js';
import { send } from './test-gateway.js';
import { openRegistry, ScriptedServices } from './scripted-services.js';

let nats: TestServer;
beforeAll(async () => {
  nats = await testNats();
});
afterAll(async () => await nats?.[Symbol.asyncDispose]());

const boot = (home: string, extra: Record<string, string> = {}): Promise<RunningService> =>
  bootService(service, {
    env: { HERO_HOME: home, NATS_URL: nats.url, HERO_HTTP_PORT: '0', HERO_LOG_LEVEL: 'silent', ...extra },
  });
const socketOf = (home: string): string => join(home, 'var', 'sockets', 'hero_logic', 'rpc.sock');
const call = (home: string, method: string): Promise<{ result: unknown }> =>
  send({ socketPath: socketOf(home) }, { body: JSON.stringify({ jsonrpc: '2.0', id: 1, method }) }).then((a) =>
    a.json(),
  );

describe('the service', () => {
  test('starts as service.toml declares, answers, and removes its sockets when it stops', async () => {
    await using folder = await tempFolder();
    const running = await boot(folder.path);
    try {
      expect((await stat(dirname(socketOf(folder.path)))).mode & 0o777).toBe(0o700);
      const found = (await call(folder.path, 'rpc.discover')).result as { methods: { name: string }[] };
      expect(found.methods.map(({ name }) => name)).toContain('rpc.discover');
      const { http_url } = JSON.parse(
        await readFile(join(folder.path, 'var', 'run', 'admin-gateway.json'), 'utf8'),
      ) as { http_url: string };
      expect((await send({ port: Number(new URL(http_url).port) }, { method: 'GET', path: '/healthz' })).status).toBe(
        200,
      );
      // Without a registry it is alive but not ready.
      expect((await send({ port: Number(new URL(http_url).port) }, { method: 'GET', path: '/readyz' })).status).toBe(
        503,
      );
    } finally {
      await running.stop();
    }
    await expect(stat(socketOf(folder.path))).rejects.toThrow('ENOENT');
  });

  test('system_status shows the services, NATS, PostgreSQL and the supervisor’s state, and null for missing parts', async () => {
    await using folder = await tempFolder();
    await mkdir(join(folder.path, 'var', 'run'), { recursive: true });
    await writeFile(
      join(folder.path, 'var', 'run', 'embedded.json'),
      JSON.stringify({ nats: { pid: 11, embedded: true }, postgres: { embedded: false } }),
    );
    const running = await boot(folder.path);
    try {
      const alone = (await call(folder.path, 'system_status')).result as Record<string, unknown>;
      expect(alone).toMatchObject({ queue: null, postgres: { version: null, embedded: false }, sandbox: 'default' });
      await using _registry = await openRegistry(nats.url, new ScriptedServices());
      const status = (await call(folder.path, 'system_status')).result as Record<string, unknown>;
      expect(status).toMatchObject({
        services: [{ name: 'admin-gateway', pid: process.pid, healthy: true }],
        nats: { version: nats.version, embedded: true, pid: 11 },
        postgres: { version: '15.9' },
        queue: { pending: 1, running: 2, awaiting_resume: 3 },
      });
      await using bus = await connectBus({ url: nats.url, name: 'executors' });
      const gateway = ServiceInfo.array().parse(status.services)[0];
      for (const sandbox of ['strict', 'off', 'default']) {
        const executor = JSON.stringify({ ...gateway, name: 'executor', instance: sandbox, sandbox });
        bus.nc.subscribe(INFO_SUBJECT, { callback: (_error, message) => void message.respond(executor) });
      }
      await bus.flush();
      expect((await call(folder.path, 'system_status')).result).toMatchObject({ sandbox: 'off' });
    } finally {
      await running.stop();
    }
  });

  test('removes a stale socket, and leaves a live one alone', async () => {
    await using folder = await tempFolder();
    const path = socketOf(folder.path);
    await mkdir(dirname(path), { recursive: true });
    // A listener that is killed leaves its socket behind.
    const code = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    await promisify(execFile)(process.execPath, ['-e', code, path]).catch(() => undefined);
    expect((await stat(path)).isSocket()).toBe(true);
    const running = await boot(folder.path);
    try {
      expect(await call(folder.path, 'rpc.discover')).toHaveProperty('result');
      await expect(boot(folder.path)).rejects.toThrow(/served by a running process/);
      expect(await call(folder.path, 'rpc.discover')).toHaveProperty('result');
    } finally {
      await running.stop();
    }
  });

  test('refuses to listen beyond loopback, and names the remedy for a taken port', async () => {
    await using folder = await tempFolder();
    for (const host of ['0.0.0.0', '::', '192.168.1.5']) {
      await expect(boot(folder.path, { HERO_HTTP_HOST: host })).rejects.toThrow(/HERO_HTTP_HOST is .*only loopback/);
    }
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address ? String(address.port) : '';
    await expect(boot(folder.path, { HERO_HTTP_PORT: port })).rejects.toThrow(/is taken; set HERO_HTTP_PORT/);
    other.close();
  });

  test('refuses a damaged token file with the remedy', async () => {
    await using folder = await tempFolder();
    await mkdir(join(folder.path, 'var'), { recursive: true });
    await writeFile(join(folder.path, 'var', 'admin.token'), 'hunter2\n');
    const failed = await boot(folder.path).catch((error: Error) => error);
    expect(String(failed)).toContain('remove it');
    expect(String(failed)).not.toContain('hunter2');
  });

  test('answers a waiting call when it stops', async () => {
    await using folder = await tempFolder();
    const services = new ScriptedServices();
    services.play('p');
    await using _registry = await openRegistry(nats.url, services);
    const running = await boot(folder.path);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'play_wait', params: { play_sid: 'p' } });
    const waiting = send({ socketPath: socketOf(folder.path) }, { body });
    const asked = send(
      { socketPath: socketOf(folder.path) },
      { body: JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'play_status', params: { play_sid: 'p' } }) },
    );
    await asked;
    await running.stop();
    const { error } = (await waiting).json();
    expect([error?.data?.code, error?.data?.retry]).toEqual(['UNAVAILABLE', true]);
  });
});
