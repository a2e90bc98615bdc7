import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bus, silent } from '@hero/bus';
import { HeroError } from '@hero/contracts';
import { testNats, type TestServer, until } from '@hero/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node';
import { openDoor } from './door.js';
import { echo, work } from './methods.js';

let nats: TestServer;
beforeEach(async () => {
  nats = await testNats();
});
afterEach(async () => {
  await nats[Symbol.asyncDispose]();
});

const LIMITED = { user: 'limited', pass: 'limited' };

/** From now on there is also the user `limited`, with these permissions. */
async function permit(permissions: string): Promise<void> {
  const file = join(nats.folder, 'state', 'nats', 'nats.conf');
  const { password } = new URL(nats.url);
  const users = `{ user: hero, password: "${password}" }, { user: limited, password: limited, permissions: { ${permissions} } }`;
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/^authorization .*$/m, `authorization { users: [ ${users} ] }`));
  process.kill(nats.pid, 'SIGHUP');
}

/** As connectBus makes it, with options that a service does not have. */
async function busWith(options: NodeConnectionOptions): Promise<Bus> {
  const { host } = new URL(nats.url);
  const nc = await connect({ servers: host, ...options });
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const settings = { name: 'limited', log: silent, waitSliceMs: 20_000, outageLimitMs: 60_000 };
  return new Bus({ nc, js: jetstream(nc), jsm, ...settings });
}

/**
 * The server reads its new permissions a moment after the signal. It may leave a connection that is made at that moment
 * without an answer for ever, so each attempt is short.
 */
async function limitedBus(options: NodeConnectionOptions = {}): Promise<Bus> {
  const attempt = () => busWith({ ...LIMITED, timeout: 1000, ...options }).catch(() => undefined);
  return await until(attempt, { within: 20_000, what: 'a connection with the new permissions' });
}

const failure = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );

describe('a question of a service with few permissions', () => {
  it('whose subject is refused fails immediately, and no other with it', async () => {
    await using _door = await openDoor(nats.url);
    await permit('publish: { deny: "hero.registry.work" }');
    await using bus = await limitedBus();
    const other = bus.ask(echo, { text: 'allowed' });
    const error = await failure(bus.ask(work, { key: 'a' }, { timeoutMs: 20_000 }));
    expect(error).toBeInstanceOf(HeroError);
    expect(error).toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('hero.registry.work') });
    expect(await other).toMatchObject({ text: 'allowed' });
  });

  it('whose inbox is refused fails, and one after the permission was given is answered', async () => {
    await using _door = await openDoor(nats.url);
    await permit('subscribe: { deny: "_INBOX.>" }');
    await using bus = await limitedBus();
    const error = await failure(bus.ask(echo, { text: 'refused' }));
    expect(error).toBeInstanceOf(HeroError);
    expect(error).toMatchObject({ code: 'INTERNAL' });
    await permit('subscribe: { allow: ">" }');
    const again = async () => await bus.ask(echo, { text: 'again' }, { timeoutMs: 500 }).catch(() => undefined);
    expect(await until(again)).toMatchObject({ text: 'again' });
  });

  it('is answered in the inbox that the connection was given', async () => {
    await using _door = await openDoor(nats.url);
    await permit('subscribe: { allow: "_INBOX_limited.>" }');
    await using bus = await limitedBus({ inboxPrefix: '_INBOX_limited' });
    expect(await bus.ask(echo, { text: 'mine' })).toMatchObject({ text: 'mine' });
  });
});

it('a question whose connection is closed by a fault is UNAVAILABLE', async () => {
  const { username: user, password: pass } = new URL(nats.url);
  await using door = await openDoor(nats.url);
  let release: (value?: unknown) => void = () => undefined;
  door.state.hold = new Promise((resolve) => {
    release = resolve;
  });
  const bus = await busWith({ user, pass, maxReconnectAttempts: 1, reconnectTimeWait: 1 });
  const working = once(door.state, 'working');
  const asked = failure(bus.ask(work, { key: 'a' }));
  await working;
  await nats.kill();
  expect(await bus.closed).toBeInstanceOf(Error);
  const error = await asked;
  expect(error).toBeInstanceOf(HeroError);
  expect(error).toMatchObject({ code: 'UNAVAILABLE', cause: { cause: expect.any(Error) } });
  release();
  await nats.restart();
});
