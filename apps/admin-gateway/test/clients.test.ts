import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientFile } from '../src/client-files.js';
import { type Answer, openTestGateway, portOf, send, type TestGateway } from './test-gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await openTestGateway();
});
afterAll(async () => await gateway?.[Symbol.asyncDispose]());

const get = (path: string, token: string | undefined = gateway.token): Promise<Answer> =>
  send({ port: portOf(gateway) }, { method: 'GET', path, headers: token ? { authorization: `Bearer ${token}` } : {} });

test('clients are listed and served to callers with the token only', async () => {
  const folder = join(gateway.home, 'var', 'clients');
  await writeFile(join(folder, 'shop_client.py'), '# é\n');
  const { clients } = (await get('/clients')).json<{ clients: ClientFile[] }>();
  expect(clients.map(({ name, language }) => [name, language])).toEqual([
    ['hero_logic_client.py', 'python'],
    ['hero_logic_client.ts', 'typescript'],
    ['shop_client.py', 'python'],
  ]);
  expect(clients[2]).toMatchObject({
    bytes: 5,
    path: '/clients/shop_client.py',
    changed_at: expect.stringMatching(/Z$/),
  });
  for (const { path, bytes } of clients) {
    const answer = await get(path);
    expect([answer.status, Buffer.byteLength(answer.body), answer.headers['content-type']]).toEqual([
      200,
      bytes,
      'text/plain; charset=utf-8',
    ]);
  }
  expect((await get('/clients/hero_logic_client.py')).body).toContain('class HeroClient');
  expect((await get('/clients/hero_logic_client.ts')).body).toContain('export class HeroClient');
  for (const path of ['/clients', '/clients/shop_client.py', '/clients/none.py']) {
    expect((await get(path, 'x')).status).toBe(401);
    expect((await send({ port: portOf(gateway) }, { method: 'GET', path })).status).toBe(401);
  }
});

test('nothing but a client file of that folder is served', async () => {
  const folder = join(gateway.home, 'var', 'clients');
  await writeFile(join(gateway.home, 'var', 'outside.py'), 'secret');
  await writeFile(join(folder, 'notes.txt'), 'secret');
  await writeFile(join(folder, '.hidden.py'), 'secret');
  await mkdir(join(folder, 'folder.py'));
  await symlink(join(gateway.home, 'var', 'admin.token'), join(folder, 'link.py'));
  const { clients } = (await get('/clients')).json<{ clients: ClientFile[] }>();
  expect(clients.map(({ name }) => name)).not.toEqual(expect.arrayContaining(['link.py']));
  for (const name of [
    'link.py',
    'folder.py',
    'notes.txt',
    '.hidden.py',
    '../outside.py',
    '..%2foutside.py',
    '%2e%2e%2foutside.py',
    '..%5coutside.py',
    'x%00.py',
    `${'a'.repeat(200)}.py`,
    'none.py',
    'admin.token',
  ]) {
    const answer = await get(`/clients/${name}`);
    expect([name, answer.status, answer.body.includes('secret') || answer.body.includes(gateway.token)]).toEqual([
      name,
      404,
      false,
    ]);
  }
});
