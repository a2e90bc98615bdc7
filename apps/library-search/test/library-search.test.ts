import { type Bus, connectBus } from '@hero/bus';
import { flowLibrarySearch, HeroError } from '@hero/contracts';
import { bootService, gatherInfo, type RunningService } from '@hero/service-kit';
import { tempFolder, type TestServer, testNats, until } from '@hero/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Follower } from '../src/follower.js';
import { Library } from '../src/library.js';
import librarySearch from '../src/main.js';
import { type RegistryDoor, registryDoor, sidOf } from './registry-door.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let nats: TestServer;
let bus: Bus;
beforeAll(async () => {
  nats = await testNats();
  bus = await connectBus({ url: nats.url, name: 'test' });
});
afterAll(async () => {
  await bus.drain();
  await nats[Symbol.asyncDispose]();
});

let registry: RegistryDoor;
const running: RunningService[] = [];
beforeEach(async () => {
  registry = await registryDoor(nats.url);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
  await registry[Symbol.asyncDispose]();
});

async function boot(): Promise<RunningService> {
  await using home = await tempFolder();
  const env = { NATS_URL: nats.url, HERO_HOME: home.path, HERO_LOG_LEVEL: 'silent' };
  const service = await bootService(librarySearch, { env });
  running.push(service);
  return service;
}

const search = async (query: string): Promise<string[]> =>
  (await bus.ask(flowLibrarySearch, { query })).map((hit) => hit.name);
/** Announcements and searches are independent messages, so the index may be updated a moment later. */
const finds = (query: string, names: string[]): Promise<true | undefined> =>
  until(async () => JSON.stringify(await search(query)) === JSON.stringify(names) || undefined, {
    what: `${query} finding ${names.join(', ')}`,
  });

describe('library-search', () => {
  test('reads all pages of the registry at its start', async () => {
    for (let i = 0; i < 450; i++) registry.shelf.put({ name: `flow ${i}`, description: `n${i}` });
    registry.shelf.remove(sidOf('flow 7'));
    await registry.open();
    await boot();
    expect(await search('n0')).toEqual(['flow 0']);
    expect(await search('n449')).toEqual(['flow 449']);
    expect(await search('n7')).not.toContain('flow 7');
  });

  test('answers in the shape of its contract, and refuses invalid parameters', async () => {
    registry.shelf.put({ name: 'write_report', tags: ['text'] });
    await registry.open();
    await boot();
    expect(await bus.ask(flowLibrarySearch, { query: 'REPORT', tags: ['text'] })).toEqual([
      {
        workflow_sid: 'w-write_report',
        version_sid: 'v-w-write_report',
        name: 'write_report',
        description: '',
        inputs: [],
        outputs: [],
        tags: ['text'],
        score: expect.any(Number),
        matched: ['name'],
        why: [{ field: 'name', words: ['report'] }],
        weak: false,
        mode: 'words',
        mode_reason: expect.any(String),
      },
    ]);
    expect(await bus.ask(flowLibrarySearch, { query: ' ' })).toEqual([]);
    await expect(bus.ask(flowLibrarySearch, { query: 'a', limit: 0 })).rejects.toMatchObject({
      code: 'INVALID_PARAMS',
    });
  });

  test('follows created, changed and deleted workflows', async () => {
    await registry.open();
    await boot();
    expect(await search('report')).toEqual([]);
    registry.shelf.put({ name: 'report a' });
    await finds('report', ['report a']);
    registry.shelf.put({ name: 'report b' });
    await finds('report', ['report b', 'report a']);
    registry.shelf.put({ sid: sidOf('report a'), name: 'kettle' });
    await finds('report', ['report b']);
    registry.shelf.remove(sidOf('report b'));
    await finds('report', []);
    expect(await search('kettle')).toEqual(['kettle']);
  });

  test('learns of a change whose announcement was lost from the next announcement', async () => {
    await registry.open();
    await boot();
    await search('anything');
    registry.shelf.put({ name: 'report lost' }, false);
    registry.shelf.put({ name: 'report heard' });
    await finds('report', ['report heard', 'report lost']);
  });

  test('does not ask for a revision that it already has', async () => {
    registry.shelf.put({ name: 'report' });
    await registry.open();
    await boot();
    await search('report');
    const { asked } = registry.shelf;
    bus.announce('hero.events.workflow.w-report', { workflow_sid: 'w-report', revision: 1, deleted: false });
    bus.announce('hero.events.workflow.w-report', { revision: 'many' });
    registry.shelf.put({ name: 'another report' });
    await finds('report', ['report', 'another report']);
    expect(registry.shelf.asked).toBe(asked + 1);
  });

  test('a search waits while the index is still being read', async () => {
    registry.shelf.put({ name: 'report' });
    await boot();
    const asked = search('report');
    await registry.open();
    expect(await asked).toEqual(['report']);
  });

  test('says in its info whether it is healthy', async () => {
    await boot();
    const health = async () => (await gatherInfo(bus)).find(({ name }) => name === 'library-search')?.healthy;
    expect(await health()).toBe(false);
    await registry.open();
    await search('report');
    expect(await health()).toBe(true);
  });

  test('reads everything again if the data of the registry was replaced', async () => {
    for (const name of ['report a', 'report b', 'report c']) registry.shelf.put({ name });
    await registry.open();
    await boot();
    expect(await search('report')).toHaveLength(3);
    registry.shelf.forget();
    registry.shelf.put({ name: 'report of the backup' });
    registry.shelf.put({ name: 'another' });
    // Its revisions are below the known ones, which only a request shows. A reconnect triggers one.
    const { bus: own } = running[0] as RunningService;
    const reconnected = new Promise<void>((resolve) => own.onReconnect(resolve));
    await own.nc.reconnect();
    await reconnected;
    await finds('report', ['report of the backup']);
  });

  test('asks again after an outage of NATS', async () => {
    registry.shelf.put({ name: 'report a' });
    await registry.open();
    await boot();
    expect(await search('report')).toEqual(['report a']);
    await nats.kill();
    registry.shelf.put({ name: 'report b' }, false);
    await nats.restart();
    await finds('report', ['report b', 'report a']);
  });
});

describe('a follower', () => {
  test('refuses searches as UNAVAILABLE while the registry cannot be reached', async () => {
    const ending = new AbortController();
    const follower = new Follower(new Library(), bus, { log: silent, signal: ending.signal, readyWithinMs: 50 });
    await follower.start();
    const error = await follower.ready().catch((reason: unknown) => reason);
    ending.abort();
    expect(error).toBeInstanceOf(HeroError);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', retry: true });
    expect(follower.healthy).toBe(false);
  });

  test('finds changes without announcements by its periodic check', async () => {
    await registry.open();
    const ending = new AbortController();
    const library = new Library();
    const follower = new Follower(library, bus, { log: silent, signal: ending.signal, checkEveryMs: 20 });
    await follower.start();
    await follower.ready();
    registry.shelf.put({ name: 'report' }, false);
    await until(async () => library.size === 1 || undefined, { what: 'the periodic check' });
    ending.abort();
  });
});
