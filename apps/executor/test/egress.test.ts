/** What plays reach through the executor's proxy; the attacks are in sdk-python/tests/test_egress_attacks.py. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AsyncDisposableStack, until } from '@hero/testing';
import type { FakePlay } from './fake-registry.js';
import { alive, type ExecutorProcess, openExecutors, type TestExecutors } from './test-executors.js';

let setup: TestExecutors;
let executor: ExecutorProcess;
let port: number;
const stack = new AsyncDisposableStack();

beforeAll(async () => {
  const server: Server = createServer((request, response) => response.end(`${request.headers.host} ${request.url}`));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  port = (server.address() as AddressInfo).port;
  setup = stack.use(await openExecutors());
  executor = await setup.executor({ HERO_EGRESS: `public,localhost:${port}`, HERO_SLOTS: '4' });
});
afterAll(async () => await stack[Symbol.asyncDispose]());

const fetching = (url: string, first = ''): string => `
import urllib.error, urllib.request
@flow
def main():
    ${first}
    try:
        return urllib.request.urlopen("${url}").read().decode()
    except urllib.error.HTTPError as refused:
        return [refused.code, refused.reason]
`;
const logs = ({ events }: FakePlay): string[] =>
  events.flatMap(({ type, text }) => (type === 'log' && typeof text === 'string' ? [text] : []));

describe('a play at HERO_EGRESS=public,localhost:port', () => {
  test('reaches what is named, by HTTP and by TCP', async () => {
    const http = await setup.registry.start(fetching(`http://localhost:${port}/page?x=1`));
    const tcp = await setup.registry.start(`
@flow
def main():
    with socket.create_connection(("localhost", ${port})) as connection:
        connection.sendall(b"GET /raw HTTP/1.0\\r\\nHost: named\\r\\n\\r\\n")
        return connection.makefile("rb").read().decode().rpartition("\\r\\n")[2]
`);
    await setup.registry.is(http, 'success');
    expect(http.output).toBe(`localhost:${port} /page?x=1`);
    await setup.registry.is(tcp, 'success');
    expect(tcp.output).toBe('named /raw');
  });

  test('is refused everything else, and its own log names the remedy', async () => {
    const play = await setup.registry.start(fetching(`http://127.0.0.1:${port}/`));
    await setup.registry.is(play, 'success');
    expect(play.output).toEqual([403, expect.stringContaining(`can name 127.0.0.1:${port} in HERO_EGRESS`)]);
    await until(async () => logs(play).some((text) => text.includes(`name 127.0.0.1:${port} in HERO_EGRESS`)));
  });

  test('is narrowed by its flow, and no other play is', async () => {
    const source = fetching(`http://localhost:${port}/`);
    const narrowed = await setup.registry.start(source, { options: { egress: ['api.example.org'] } });
    const wide = await setup.registry.start(source, { options: { egress: ['public', `localhost:${port}`] } });
    await setup.registry.is(narrowed, 'success');
    expect(narrowed.output).toEqual([403, expect.stringContaining(`add 'localhost:${port}' to @flow(egress=`)]);
    await setup.registry.is(wide, 'success');
    expect(wide.output).toBe(`localhost:${port} /`);
  });

  test('is given back uncounted when the proxy dies, and runs again with another one', async () => {
    const proxy = executor.proxy() ?? 0;
    const play = await setup.registry.start(fetching(`http://localhost:${port}/again`, 'time.sleep(1000)'));
    await until(async () => play.status === 'running' && play.events.some(({ type }) => type === 'attempt_started'));
    process.kill(proxy, 'SIGKILL');
    await until(async () => play.released === 1, { within: 15_000 });
    expect(play.exits).toEqual([]);
    await until(async () => executor.proxy() !== undefined && executor.proxy() !== proxy, { within: 15_000 });
    expect(alive(proxy)).toBe(false);
    const next = await setup.registry.start(fetching(`http://localhost:${port}/next`));
    await setup.registry.is(next, 'success', 20_000);
    expect(next.output).toBe(`localhost:${port} /next`);
  });
});

test('with the host’s network there is no proxy, and a narrowed flow is told so', async () => {
  await using other = await openExecutors();
  const started = await other.executor({ HERO_EGRESS: 'host', HERO_SLOTS: '1' });
  expect(started.proxy()).toBeUndefined();
  const play = await other.registry.start(fetching(`http://127.0.0.1:${port}/host`), { options: { egress: [] } });
  await other.registry.is(play, 'success');
  expect(play.output).toBe(`127.0.0.1:${port} /host`);
  await until(async () => logs(play).some((text) => text.includes('not enforced')));
});
