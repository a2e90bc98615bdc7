/** Clients of any OpenRPC service: both generated clients call a server that speaks JSON-RPC over HTTP. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { DocumentFault, readService, servicePython, serviceTypescript } from '../src/index.js';
import { NotFoundError, RpcError, ServiceUnreachable, ShopClient } from './generated/shop_client.js';

interface Call {
  id?: number;
  method: string;
  params: unknown;
}

const heard: Call[] = [];
const tokens = new Set<string | undefined>();
const RESULTS: Record<string, unknown> = { list: ['tea'], class: [3, 'kg'], constructor: null, _call: 'called' };

/** Answers by the method's name; `shop.find-all` refuses what it is asked for by `self`. */
function answer({ id, method, params }: Call): object | undefined {
  if (id === undefined) return undefined;
  const reply = (part: object): object => ({ jsonrpc: '2.0', id, ...part });
  if (method === 'tree.of') return reply({ result: (params as { root: unknown }).root });
  if (method === 'pay') return reply({ error: { code: -32011, message: 'no money', data: { left: 1 } } });
  if (method !== 'shop.find-all') return reply({ result: RESULTS[method] });
  const { self } = params as { self: string };
  if (self === 'nothing') return reply({ error: { code: -32004, message: 'nothing found' } });
  if (self === 'other') return { jsonrpc: '2.0', id: id + 1, result: [] };
  return reply({ result: [{ name: self, price: 1 }] });
}

let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer(async (req, res) => {
    tokens.add(req.headers.authorization);
    if (req.url === '/broken') return void res.writeHead(502).end('<html>');
    const call = JSON.parse(await text(req)) as Call;
    heard.push(call);
    const said = answer(call);
    // Some services send the errors of JSON-RPC with a status of their own.
    res.writeHead(said === undefined ? 204 : 'error' in said ? 400 : 200, { 'content-type': 'application/json' });
    res.end(said && JSON.stringify(said));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server?.close());
beforeEach(() => void heard.splice(0));

const SENT = [
  { method: 'shop.find-all', params: { self: 'tea', from: 2, list: ['red'], 'user-id': null, user_id: 1.5 } },
  { method: 'list', params: {} },
  { method: 'class', params: [1, null, 'a note'] },
  { method: 'class', params: [1] },
  { method: 'constructor', params: {} },
  { method: '_call', params: {} },
  { method: 'tree.of', params: { root: ['a', { b: ['c'] }] } },
  { method: 'opened', params: { door: 'front' } },
  { method: 'opened', params: {} },
  { method: 'shop.find-all', params: { self: 'nothing' } },
  { method: 'pay', params: { with: { type: 'cash', amount: 1 } } },
];
const said = (): object[] => heard.map(({ method, params }) => ({ method, params }));

test('the TypeScript client sends what the document says, and throws the errors that it names', async () => {
  const shop = new ShopClient({ url, headers: { authorization: 'Bearer t' } });
  const items = await shop.shop_find_all({ self: 'tea', from: 2, list: ['red'], 'user-id': null, user_id: 1.5 });
  expect(items[0]?.price).toBe(1);
  expect(await shop.list()).toEqual(['tea']);
  expect(await shop.class({ amount: 1, note: 'a note' })).toEqual([3, 'kg']);
  await shop.class({ amount: 1 });
  expect(await shop.constructor_()).toBeNull();
  expect(await shop.call()).toBe('called');
  expect(await shop.tree_of({ root: ['a', { b: ['c'] }] })).toEqual(['a', { b: ['c'] }]);
  expect(await shop.opened({ door: 'front' })).toBeUndefined();
  await shop.opened();
  await expect(shop.shop_find_all({ self: 'nothing' })).rejects.toThrow(NotFoundError);
  const refused = await shop.pay({ with: { type: 'cash', amount: 1 } }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(RpcError);
  expect(refused).toMatchObject({ code: -32011, data: { left: 1 } });
  expect(said()).toEqual(SENT);
  expect(heard.map(({ id }) => id === undefined)).toEqual(SENT.map(({ method }) => method === 'opened'));
  await expect(shop.shop_find_all({ self: 'other' })).rejects.toThrow(ServiceUnreachable);
  await expect(new ShopClient({ url: `${url}/broken` }).list()).rejects.toThrow('HTTP status 502');
  await expect(new ShopClient({ url: 'http://127.0.0.1:1' }).list()).rejects.toThrow(ServiceUnreachable);
  const aborted = shop.list({ signal: AbortSignal.abort(new Error('enough')) });
  await expect(aborted).rejects.toThrow('enough');
});

test('the Python client does the same', async () => {
  const code = `
import sys
sys.path.insert(0, sys.argv[2]); sys.dont_write_bytecode = True
from shop_client import NotFoundError, RpcError, ServiceUnreachable, ShopClient
shop = ShopClient(sys.argv[1], headers={"Authorization": "Bearer t"})
assert shop.shop_find_all("tea", from_=2, list_=["red"], user_id=None, user_id_2=1.5) == [{"name": "tea", "price": 1}]
assert shop.list_() == ["tea"]
assert shop.class_(1, note="a note") == [3, "kg"]
shop.class_(1)
assert shop.constructor() is None and shop.call() == "called"
assert shop.tree_of(["a", {"b": ["c"]}]) == ["a", {"b": ["c"]}]
assert shop.opened(door="front") is None
shop.opened()
def fails(error, call):
    try:
        call()
    except error as caught:
        return caught
    raise AssertionError("no error")
fails(NotFoundError, lambda: shop.shop_find_all("nothing"))
refused = fails(RpcError, lambda: shop.pay({"type": "cash", "amount": 1}))
assert (refused.code, refused.message, refused.data) == (-32011, "no money", {"left": 1})
fails(ServiceUnreachable, lambda: shop.shop_find_all("other"))
fails(ServiceUnreachable, lambda: ShopClient(sys.argv[1] + "/broken").list_())
fails(ServiceUnreachable, lambda: ShopClient("http://127.0.0.1:1").list_())
assert ShopClient(send=lambda body: b'{"id": 1, "result": ["own way"]}').list_() == ["own way"]
`;
  await promisify(execFile)('python3', ['-W', 'error', '-c', code, url, join(import.meta.dirname, 'generated')]);
  expect(said().slice(0, SENT.length)).toEqual(SENT);
  expect([...tokens]).toContain('Bearer t');
});

const SHOP = readFileSync(join(import.meta.dirname, 'shop.openrpc.json'), 'utf8');
const shopWith = (change: (document: ReturnType<typeof JSON.parse>) => void): unknown => {
  const document = JSON.parse(SHOP);
  change(document);
  return document;
};

test.each([
  ['no OpenRPC', () => ({ openapi: '3.0' }), /the document\.openrpc/],
  ['a version of the future', () => shopWith((doc) => (doc.openrpc = '2.0.0')), /reads OpenRPC 1\.0 to 1\.4/],
  [
    'a reference to nothing',
    () => shopWith((doc) => delete doc.components.schemas.Tree),
    /schemas\/Tree: the document has no such part/,
  ],
  [
    'a reference to elsewhere',
    () => shopWith((doc) => (doc.methods[0].params[0] = { $ref: 'https://x/y' })),
    /bundle the document first/,
  ],
  [
    'a reference to itself',
    () => shopWith((doc) => (doc.methods[0].result = { $ref: '#/methods/0/result' })),
    /refers to itself/,
  ],
  [
    'a parameter without schema',
    () => shopWith((doc) => delete doc.methods[0].params[1].schema),
    /methods\[0\]\.params\[1\]\.schema/,
  ],
  [
    'two methods of one name',
    () => shopWith((doc) => (doc.methods[1].name = 'class')),
    /Two methods of the document have the same name/,
  ],
  [
    'two parameters of one name',
    () => shopWith((doc) => (doc.methods[0].params[0].name = 'list')),
    /two parameters have the same name/,
  ],
])('a document with %s is refused with the place of the fault', (_, document, fault) => {
  expect(() => readService(document())).toThrow(DocumentFault);
  expect(() => readService(document())).toThrow(fault);
});

test('nothing of a document gets into code but as a name, a quoted text or a comment', () => {
  const evil = `x"""\n*/ );import os #\u2028'); process.exit() //`;
  const document = JSON.parse(
    SHOP.replaceAll(
      /"(summary|description|message)": "(?:[^"\\]|\\.)*"/g,
      (_, key) => `"${key}": ${JSON.stringify(evil)}`,
    ),
  );
  document.info.title = evil;
  document.methods[0].name = evil;
  document.methods[0].params[0].name = evil;
  document.components.schemas.Named.properties[evil] = { enum: [evil] };
  const service = readService(document);
  const python = servicePython(service).replace(/"""[^]*?"""|"(?:[^"\\]|\\.)*"|#.*/g, '');
  expect(python).not.toMatch(/import os|process\./);
  const typescript = serviceTypescript(service).replace(
    /\/\*[^]*?\*\/|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\/.*/g,
    '',
  );
  expect(typescript).not.toMatch(/import os|process\./);
});
