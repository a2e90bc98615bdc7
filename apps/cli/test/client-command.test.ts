/** `hero_logic client`: from a file, from an address, from `rpc.discover`, and what it says where it cannot. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { type TempFolder, tempFolder } from '@hero/testing';
import { type ClientOptions, makeClient } from '../src/client-command.js';
import { UsageError } from '../src/environment.js';

const SHOP = resolve(import.meta.dirname, '../../../libs/openrpc/test/shop.openrpc.json');
let folder: TempFolder;
let server: Server;
let url: string;
beforeAll(async () => {
  folder = await tempFolder();
  const document = await readFile(SHOP, 'utf8');
  server = createServer((req, res) => {
    req.resume();
    if (req.url === '/openrpc.json') return void res.end(document);
    if (req.url === '/rpc' && req.method === 'POST')
      return void res.end(`{"jsonrpc":"2.0","id":1,"result":${document}}`);
    if (req.url === '/mute' && req.method === 'POST')
      return void res.end('{"jsonrpc":"2.0","id":1,"error":{"code":-32601}}');
    res.writeHead(404).end('nothing here');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server?.close();
  await folder?.[Symbol.asyncDispose]();
});

const made = async (options: Partial<ClientOptions>): Promise<string> => {
  const said: string[] = [];
  await makeClient(folder.path, { lang: 'python', ...options }, (line) => said.push(line));
  return said.join('\n');
};
const stored = (name: string): Promise<string> => readFile(join(folder.path, 'var', 'clients', name), 'utf8');

test('a client is stored where plays import it, named after the service or as asked', async () => {
  expect(await made({ openrpc: SHOP })).toMatch(
    /^wrote .*\/var\/clients\/shop_client\.py\nin a play: import shop_client$/,
  );
  expect(await stored('shop_client.py')).toContain('class ShopClient(_Service):');
  await made({ openrpc: SHOP, lang: 'typescript', name: 'store' });
  expect(await stored('store.ts')).toContain('export class ShopClient extends Service {');
  await made({ openrpc: SHOP, out: join(folder.path, 'elsewhere.py') });
  expect(await readFile(join(folder.path, 'elsewhere.py'), 'utf8')).toBe(await stored('shop_client.py'));
  expect(await made({ openrpc: SHOP, out: '-' })).toContain('class ShopClient(_Service):');
});

test('a service that serves its document, or answers rpc.discover, is enough', async () => {
  const same = await made({ openrpc: SHOP, out: '-' });
  expect(await made({ openrpc: `${url}/openrpc.json`, out: '-' })).toBe(same);
  expect(await made({ openrpc: `${url}/rpc`, out: '-' })).toBe(same);
});

test('without a document it is the client of Hero Logic', async () => {
  expect(await made({})).toContain('in a play: import hero_logic_client');
  expect(await stored('hero_logic_client.py')).toContain('class HeroClient(_Client):');
  expect(await made({ lang: 'typescript', out: '-' })).toContain('export class HeroClient');
});

test.each([
  ['a file that is not there', { openrpc: '/no/such/file.json' }, /\/no\/such\/file\.json cannot be read/],
  ['a file that is no JSON', { openrpc: import.meta.filename }, /is not JSON/],
  [
    'another document',
    { openrpc: resolve(SHOP, '../../package.json') },
    /not an OpenRPC document[^]*the document\.openrpc/,
  ],
  ['a name that leaves the folder', { openrpc: SHOP, name: '../shop' }, /write letters, digits and _/],
])('%s is refused with a sentence', async (_, options, sentence) => {
  await expect(made(options)).rejects.toThrow(UsageError);
  await expect(made(options)).rejects.toThrow(sentence);
});

test('an address without a service is refused with a sentence', async () => {
  await expect(made({ openrpc: `${url}/mute` })).rejects.toThrow(
    'serves no OpenRPC document, and does not answer rpc.discover',
  );
  await expect(made({ openrpc: `${url}/other` })).rejects.toThrow(
    'serves no OpenRPC document, and does not answer rpc.discover',
  );
  await expect(made({ openrpc: 'http://127.0.0.1:1/' })).rejects.toThrow('is not reachable');
});
