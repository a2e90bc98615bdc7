import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { type Answer, openTestGateway, portOf, send, type TestGateway } from './test-gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await openTestGateway();
});
afterAll(async () => await gateway?.[Symbol.asyncDispose]());

const MIB = 1024 * 1024;
const newToken = (): string => `${randomBytes(45).toString('base64url')}.${randomBytes(20).toString('base64url')}`;
function newLink(maxBytes = MIB): string {
  const token = newToken();
  gateway.services.links.set(token, { maxBytes });
  return token;
}
const post = (token: string, body?: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> =>
  send({ port: portOf(gateway) }, { path: `/hooks/resume/${token}`, body, headers });
/** Everything by which a caller can distinguish replies, except their time. */
const seen = ({ status, headers, body }: Answer): object => ({ status, headers: { ...headers, date: '' }, body });

test('a link accepts one answer, and an empty body is null', async () => {
  const token = newLink();
  expect((await post(token, '{"amount": 1}')).json()).toMatchObject({ ok: true });
  expect(gateway.services.links.get(token)?.answer).toEqual({ amount: 1 });
  expect((await post(token, '{"amount": 2}')).status).toBe(404);
  const empty = newLink();
  expect((await post(empty)).status).toBe(200);
  expect(gateway.services.links.get(empty)?.answer).toBeNull();
});

test('every refusal looks the same, regardless of its reason', async () => {
  const used = newLink();
  await post(used, '1');
  const refusals: Record<string, Promise<Answer>> = {
    'a token without the shape of one': post('x', '1'),
    'a path that does not decode': post('%zz', '1'),
    'more path behind a token': post(`${newLink()}/x`, '1'),
    'a token that nobody signed': post(newToken(), '1'),
    'a token that is too long': post('x'.repeat(10_000), '1'),
    'a used link': post(used, '1'),
    'another method': send({ port: portOf(gateway) }, { method: 'GET', path: `/hooks/resume/${newLink()}` }),
    'no JSON': post(newLink(), '{'),
    'no UTF-8': post(newLink(), Buffer.from([0x22, 0xff, 0x22])),
    'another type': post(newLink(), '1', { 'content-type': 'text/plain' }),
    'too many levels': post(newLink(), '['.repeat(100) + ']'.repeat(100)),
    'a refused key': post(newLink(), '{"a": {"__proto__": 1}}'),
    'too many bytes': post(newLink(), JSON.stringify('x'.repeat(MIB))),
    'an answer that does not fit': post(newLink(), '"unfit"'),
  };
  const [first, ...others] = await Promise.all(Object.values(refusals));
  expect(first?.status).toBe(404);
  for (const [index, other] of others.entries()) {
    expect([Object.keys(refusals)[index + 1], seen(other)]).toEqual([
      Object.keys(refusals)[index + 1],
      seen(first as Answer),
    ]);
  }
});

test('a body is not read before the registry has accepted the token', async () => {
  const { services } = gateway;
  services.asked.length = 0;
  const bodies = Array.from({ length: 4 }, () => post(newToken(), Buffer.alloc(32 * MIB, '[')));
  expect((await Promise.all(bodies)).map(({ status }) => status)).toEqual([404, 404, 404, 404]);
  expect((await post('x', Buffer.alloc(32 * MIB, '['))).status).toBe(404);
  expect(services.asked).toEqual(Array(4).fill('hook_check'));
});

test('the registry is asked before the body arrives', async () => {
  const { services } = gateway;
  services.asked.length = 0;
  const headers = { 'content-type': 'application/json', 'content-length': '7' };
  const asked = request({ port: portOf(gateway), method: 'POST', path: `/hooks/resume/${newLink()}`, headers });
  const replied = new Promise<number | undefined>((resolve) => asked.on('response', (r) => resolve(r.statusCode)));
  asked.flushHeaders();
  while (services.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(services.asked).toEqual(['hook_check']);
  asked.end('"there"');
  expect(await replied).toBe(200);
  expect(services.asked).toEqual(['hook_check', 'hook_resume']);
});

test('a question whose schema sets a higher bound accepts a larger answer', async () => {
  const text = 'x'.repeat(2 * MIB);
  const token = newLink(3 * MIB);
  expect((await post(token, JSON.stringify(text))).status).toBe(200);
  expect(gateway.services.links.get(token)?.answer).toBe(text);
});

test('a link stays valid when a client disconnects in the middle of the body', async () => {
  const token = newLink();
  const headers = { 'content-type': 'application/json', 'content-length': '100' };
  const asked = request({ port: portOf(gateway), method: 'POST', path: `/hooks/resume/${token}`, headers });
  const gone = new Promise((resolve) => asked.on('error', resolve));
  asked.write('{"half": ');
  asked.destroy(new Error('away'));
  await gone;
  expect((await post(token, '"whole"')).status).toBe(200);
});

test('without a registry the reply is 503, so that the client tries again', async () => {
  await using alone = await openTestGateway({ registry: false });
  const answer = await send({ port: portOf(alone) }, { path: `/hooks/resume/${newToken()}`, body: '1' });
  expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
});
