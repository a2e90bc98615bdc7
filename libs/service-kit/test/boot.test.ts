import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connectBus } from '@hero/bus';
import { bootService, checkRunning, gatherInfo, type Parts, StartFault } from '@hero/service-kit';
import { tempFolder, testNats, type TestServer } from '@hero/testing';
import { DATABASE_URL, greet, greeter, MANIFEST, serviceFolder } from './fixtures.js';

// The subjects are the real ones: on a shared server another suite's door would answer.
let nats: TestServer;
beforeAll(async () => {
  nats = await testNats();
});
afterAll(async () => {
  await nats[Symbol.asyncDispose]();
});

async function environment(more: NodeJS.ProcessEnv = {}): Promise<NodeJS.ProcessEnv> {
  const natsUrl = nats.url;
  return {
    NATS_URL: natsUrl,
    HERO_HOME: '/tmp/none',
    HERO_LOG_LEVEL: 'silent',
    GREETING: 'Hello',
    DATABASE_URL,
    ...more,
  };
}

const fault = async (booting: Promise<unknown>): Promise<StartFault> => {
  const error = await booting.then(
    () => 'it started',
    (reason: unknown) => reason,
  );
  if (error instanceof StartFault) return error;
  throw new Error(`no StartFault: ${String(error)}`);
};

describe('a service', () => {
  it('starts, answers its contracts, says who it is, and stops', async () => {
    await using folder = await serviceFolder();
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    const parts: Parts = { extraInfo: () => ({ slots: 4, busy: 1 }) };
    const env = await environment({ HERO_BUILD_NR: '77', HERO_INSTANCE: 'greeter-1' });
    const service = await bootService(greeter(folder.path, { start: () => parts }), { env });
    expect(await bus.ask(greet, { name: 'Ada' })).toEqual({ text: 'Hello, Ada' });
    const [info, ...others] = (await gatherInfo(bus)).filter(({ instance }) => instance === 'greeter-1');
    expect(others).toEqual([]);
    expect(info).toMatchObject({
      name: 'registry',
      version: '1.2.3',
      build_nr: '77',
      pid: process.pid,
      healthy: true,
      slots: 4,
      busy: 1,
    });
    await Promise.all([service.stop(), service.stop()]);
    expect((await gatherInfo(bus)).filter(({ instance }) => instance === 'greeter-1')).toEqual([]);
    expect(service.bus.nc.isClosed()).toBe(true);
  });

  it('is compared with its service.toml while it runs: what was edited, or is not there, is said', async () => {
    await using folder = await serviceFolder();
    await using bus = await connectBus({ url: nats.url, name: 'checker' });
    const env = await environment({ HERO_INSTANCE: 'greeter-2' });
    const service = await bootService(greeter(folder.path), { env });
    const folders = new Map([['registry', folder.path]]);
    expect(await checkRunning(bus, folders)).toEqual([{ name: 'registry', instance: 'greeter-2', faults: [] }]);
    await writeFile(join(folder.path, 'service.toml'), MANIFEST.replace('hero.registry.greet', 'hero.registry.curse'));
    await writeFile(join(folder.path, 'package.json'), '{"version": "1.2.4"}');
    const [edited] = await checkRunning(bus, folders);
    expect(edited?.faults).toEqual([
      'subjects: hero.registry.greet is handled by the code and not declared; add it.',
      'subjects: hero.registry.curse is declared and not handled by the code; remove it.',
      'version: 1.2.3 runs, 1.2.4 is installed; restart it.',
    ]);
    await service.stop();
    expect(await checkRunning(bus, folders)).toEqual([
      { name: 'registry', faults: ['no instance answers on the bus; start it.'] },
    ]);
  });

  it('is stopped in order: its own work while questions are still answered, then the door, then the bus', async () => {
    await using folder = await serviceFolder();
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    const seen: string[] = [];
    const definition = greeter(folder.path, {
      start: ({ closing }) => {
        closing.addEventListener('abort', () => seen.push('closing'));
        return {
          stop: async () => void seen.push((await bus.ask(greet, { name: 'Bo' }, { retryUnavailable: false })).text),
        };
      },
    });
    const service = await bootService(definition, { env: await environment() });
    await service.stop();
    expect(seen).toEqual(['closing', 'Hello, Bo']);
    await expect(bus.ask(greet, { name: 'x' }, { retryUnavailable: false })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });

  it('with an Express adapter answers its contracts too', async () => {
    await using folder = await serviceFolder();
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    const service = await bootService(greeter(folder.path, { http: true }), { env: await environment() });
    expect(await bus.ask(greet, { name: 'Cy' })).toEqual({ text: 'Hello, Cy' });
    await service.stop();
  });

  it('survives a restart of NATS', async () => {
    await using nats = await testNats();
    await using folder = await serviceFolder();
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    const service = await bootService(greeter(folder.path), { env: await environment({ NATS_URL: nats.url }) });
    await nats.kill();
    await nats.restart();
    expect(await bus.ask(greet, { name: 'Di' })).toEqual({ text: 'Hello, Di' });
    expect(await gatherInfo(bus)).toHaveLength(1);
    await service.stop();
  });
});

describe('a service does not start', () => {
  it('with a wrong environment, and names every variable and its remedy at once', async () => {
    await using folder = await serviceFolder();
    const env = await environment({
      GREETING: 'Hi',
      DATABASE_URL: 'mysql://user:secret@x/y',
      HERO_LOG_LEVEL: 'loud',
      HERO_INSTANCE: 'a b',
      NATS_URL: '',
    });
    const { faults, message } = await fault(bootService(greeter(folder.path), { env }));
    expect(faults.map((sentence) => sentence.split(' ')[0]).sort()).toEqual([
      'DATABASE_URL',
      'GREETING',
      'HERO_INSTANCE',
      'HERO_LOG_LEVEL',
    ]);
    expect(message).toContain('Set a greeting of 3 letters or more.');
    expect(message).not.toContain('secret');
    const missing = await fault(bootService(greeter(folder.path), { env: { ...env, DATABASE_URL: undefined } }));
    expect(missing.message).toContain('DATABASE_URL is not set. Where PostgreSQL is: postgresql://');
  });

  it('without a service.toml, or with one that is broken, and names the line or the field', async () => {
    await using folder = await serviceFolder('name = "registry"\nkind = \n');
    const env = await environment();
    const broken = await fault(bootService(greeter(folder.path), { env }));
    expect(broken.message).toMatch(/service\.toml is not TOML.*\n.*line 2/);
    await writeFile(
      join(folder.path, 'service.toml'),
      MANIFEST.replace('"core"', '"heart"').replace('sockets', 'socks'),
    );
    const wrong = await fault(bootService(greeter(folder.path), { env }));
    expect(wrong.faults.join('\n')).toMatch(/kind: .*\n.*socks/s);
    await using empty = await tempFolder();
    expect((await fault(bootService(greeter(empty.path), { env }))).message).toContain('service.toml is missing');
  });

  it('when service.toml and the code differ, in either direction, and leaves no connection behind', async () => {
    const lies = MANIFEST.replace('hero.registry.greet', 'hero.registry.curse')
      .replace('GREETING', 'GREETINGS')
      .replace('sockets = []', 'sockets = ["rpc.sock"]')
      .replace('name = "registry"', 'name = "greeter"');
    await using folder = await serviceFolder(lies);
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    const { message, faults } = await fault(bootService(greeter(folder.path), { env: await environment() }));
    expect(message).toContain(join(folder.path, 'service.toml'));
    expect(faults).toEqual([
      'name: it says "greeter", the code says "registry".',
      'subjects: hero.registry.greet is handled by the code and not declared; add it.',
      'subjects: hero.registry.curse is declared and not handled by the code; remove it.',
      'environment: GREETING is read by the code and not declared; add it.',
      'environment: GREETINGS is declared and not read by the code; remove it.',
      'sockets: rpc.sock is declared and not served by the code; remove it.',
    ]);
    await expect(bus.ask(greet, { name: 'x' }, { retryUnavailable: false })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });

  it('on a socket that a live process serves; a stale one is removed', async () => {
    await using folder = await serviceFolder(MANIFEST.replace('sockets = []', 'sockets = ["x.sock"]'));
    await using home = await tempFolder();
    const env = await environment({ HERO_HOME: home.path });
    const paths: string[] = [];
    const definition = greeter(folder.path, { start: async ({ socket }) => void paths.push(await socket('x.sock')) });
    const first = await bootService(definition, { env });
    await first.stop();
    const path = join(home.path, 'var', 'sockets', 'hero_logic', 'x.sock');
    expect(paths).toEqual([path]);
    const live = createServer().listen(path);
    await once(live, 'listening');
    await expect(bootService(definition, { env })).rejects.toThrow(/served by a running process; stop it/);
    live.close();
    await once(live, 'close');
  });
});
