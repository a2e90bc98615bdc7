/** Limits on the connections of clients that are not logged in. */
import { connect, type Socket } from 'node:net';
import { silent } from '@hero/bus';
import { JsonRpc } from '../src/json-rpc.js';
import { Methods } from '../src/methods.js';
import { openTestGateway, rpc, type TestGateway } from './test-gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await openTestGateway({ headersWithinMs: 300 });
});
afterAll(async () => await gateway?.[Symbol.asyncDispose]());

const open = (): Socket => connect(gateway.rpcSocket).on('error', () => undefined);
/** Everything that the gateway sends until it closes the connection. */
async function heard(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

test.each([
  ['says nothing', ''],
  ['stops within its headers', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: '],
])('a connection that %s is closed', async (_, sent) => {
  const socket = open();
  socket.write(sent);
  expect(await heard(socket)).toMatch(/^(HTTP\/1.1 408|$)/);
  expect((await rpc(gateway, 'play_list')).error).toBeUndefined();
});

test('pipelined requests are answered one after the other, in order', async () => {
  const socket = open();
  const one = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  socket.write(one('/healthz') + one('/nothing') + one('/readyz').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  const statuses = (await heard(socket)).match(/HTTP\/1.1 \d+/g);
  expect(statuses).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
});

test('a connection that sends hundreds of requests before it reads an answer is closed', async () => {
  const { services } = gateway;
  services.play('slow');
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'play_status', params: { play_sid: 'slow' } });
  const call = `POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  services.asked.length = 0;
  const socket = open();
  socket.write(call.repeat(500));
  await heard(socket);
  expect(services.asked.length).toBeLessThan(100);
});

test('when the replies of a batch are too large in total, the calls that still run are aborted', async () => {
  const { services } = gateway;
  services.play('running');
  services.play('large').name = 'x'.repeat(20_000);
  const rpcOfLittle = new JsonRpc(new Methods(gateway.bus), silent, 100_000);
  const calls = Array.from({ length: 8 }, (_, id) => ({
    jsonrpc: '2.0',
    id,
    method: id === 0 ? 'play_wait' : 'play_status',
    params: { play_sid: id === 0 ? 'running' : 'large' },
  }));
  const answer = await rpcOfLittle.answer(Buffer.from(JSON.stringify(calls)), new AbortController().signal);
  const replies = JSON.parse(answer ?? '') as { id: number; error?: { data?: { code?: string } } }[];
  expect(replies.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(replies[0]?.error?.data?.code).toBe('PAYLOAD_TOO_LARGE');
  expect(replies.filter(({ error }) => error === undefined)).toHaveLength(4);
});
