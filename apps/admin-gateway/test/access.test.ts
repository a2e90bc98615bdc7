import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Access } from '../src/credentials.js';
import { type Answer, openTestGateway, portOf, type TestGateway, type Sent, send } from './test-gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await openTestGateway();
});
afterAll(async () => await gateway?.[Symbol.asyncDispose]());

const CALL = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'play_list', params: {} });
const bearer = (): Record<string, string> => ({ authorization: `Bearer ${gateway.token}` });
/** An HTTP request with the token, unless the test sets other headers. */
const http = (sent: Sent = {}): Promise<Answer> => send({ port: portOf(gateway) }, { body: CALL, ...sent });
const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  send({ port: portOf(gateway) }, { method: 'GET', path, headers });
const codeOf = (answer: Answer): [number, string | undefined] => [answer.status, answer.json().error?.data?.code];

describe('the HTTP port', () => {
  test('serves only callers with the token', async () => {
    expect((await http({ headers: bearer() })).json().error).toBeUndefined();
    expect(codeOf(await http())).toEqual([401, 'UNAUTHORIZED']);
    for (const token of ['', 'x', gateway.token.slice(1), `${gateway.token}x`, gateway.token.toUpperCase()]) {
      expect(codeOf(await http({ headers: { authorization: `Bearer ${token}` } }))).toEqual([401, 'UNAUTHORIZED']);
    }
    expect((await http({ headers: { authorization: `Basic ${gateway.token}` } })).status).toBe(401);
    expect((await get('/api/events')).status).toBe(401);
    expect((await get('/api/plays/p/spans')).status).toBe(401);
  });

  test('refuses foreign host names on every route, before it checks the token', async () => {
    const port = portOf(gateway);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1:1',
      `127.0.0.1.evil.example:${port}`,
      `user@127.0.0.1:${port}`,
    ]) {
      for (const path of ['/', '/healthz', '/openrpc.json', '/login?code=x', '/api/events', '/nothing']) {
        expect([host, path, (await get(path, { host, ...bearer() })).status]).toEqual([host, path, 403]);
      }
      expect((await http({ headers: { host, ...bearer() } })).status).toBe(403);
    }
    for (const host of [`localhost:${port}`, `LocalHost:${port}`, `[::1]:${port}`]) {
      expect([host, (await get('/healthz', { host })).status]).toEqual([host, 200]);
    }
  });

  test('refuses other origins and other sites, even with the token', async () => {
    const port = portOf(gateway);
    for (const origin of [
      'http://evil.example',
      'null',
      `https://127.0.0.1:${port}`,
      `http://localhost:${port}`,
      'http://127.0.0.1:1',
    ]) {
      expect([
        origin,
        ...codeOf(await http({ headers: { ...bearer(), origin, host: `127.0.0.1:${port}` } })).slice(0, 1),
      ]).toEqual([origin, 403]);
    }
    expect((await http({ headers: { ...bearer(), origin: `http://127.0.0.1:${port}` } })).status).toBe(200);
    for (const site of ['cross-site', 'same-site']) {
      expect((await http({ headers: { ...bearer(), 'sec-fetch-site': site } })).status).toBe(403);
    }
    for (const site of ['same-origin', 'none']) {
      expect((await http({ headers: { ...bearer(), 'sec-fetch-site': site } })).status).toBe(200);
    }
  });

  test('sends no CORS permission to other origins, and a content security policy', async () => {
    const asked = await send(
      { port: portOf(gateway) },
      { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } },
    );
    expect(Object.keys(asked.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    const page = await get('/');
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(page.headers['x-content-type-options']).toBe('nosniff');
    expect(page.headers).not.toHaveProperty('x-powered-by');
    expect(page.body).not.toMatch(/<script|style=|onclick/);
    expect(page.body).not.toContain(gateway.token);
  });

  test('serves the document and its health without a token; unknown paths are 404', async () => {
    expect((await get('/openrpc.json')).json<{ openrpc: string }>().openrpc).toBe('1.3.2');
    expect((await get('/healthz')).json()).toEqual({ ok: true });
    expect((await get('/readyz')).json()).toEqual({ ok: true });
    for (const path of ['/metrics', '/mcp', '/clients/../../etc/passwd', '/%zz']) {
      const answer = await get(path);
      expect([path, [400, 404].includes(answer.status)]).toEqual([path, true]);
      expect(answer.json().error?.message).not.toMatch(/node_modules|\.ts|\.js/);
    }
  });
});

describe('the token', () => {
  test('is 256 bits in a file that only the owner can read, and survives restarts', async () => {
    const path = join(gateway.home, 'var', 'admin.token');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(Buffer.from(gateway.token, 'base64url')).toHaveLength(32);
    expect((await readFile(path, 'utf8')).trim()).toBe(gateway.token);
  });
});

interface Browser {
  cookies: string;
  csrf: string;
  setCookies: string[];
}

async function newLink(): Promise<string> {
  const made = await send({ socketPath: gateway.rpcSocket }, { path: '/login-link' });
  return made.json<{ url: string }>().url;
}

async function logIn(): Promise<Browser> {
  const url = new URL(await newLink());
  const answer = await get(url.pathname + url.search);
  expect([answer.status, answer.headers.location]).toEqual([303, '/']);
  const setCookies = answer.headers['set-cookie'] as string[];
  const pairs = setCookies.map((cookie) => cookie.split(';')[0] ?? '');
  return {
    setCookies,
    cookies: pairs.join('; '),
    csrf: (pairs.find((p) => p.startsWith('hero_csrf')) ?? '').split('=')[1] ?? '',
  };
}

describe('a login link', () => {
  test('is made on the owner’s socket only, and kept in a file that only the owner reads', async () => {
    for (const to of [{ port: portOf(gateway) }, { socketPath: gateway.adminSocket }]) {
      expect(
        (await send(to, { path: '/login-link', headers: { ...bearer(), host: `127.0.0.1:${portOf(gateway)}` } }))
          .status,
      ).toBe(403);
    }
    const url = await newLink();
    expect(url).toContain(`${gateway.httpUrl}/login?code=`);
    const file = join(gateway.home, 'var', 'login-link');
    expect((await readFile(file, 'utf8')).trim()).toBe(url);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('works once', async () => {
    const url = new URL(await newLink());
    const path = url.pathname + url.search;
    // Link previews (HEAD) do not use up the link.
    expect((await send({ port: portOf(gateway) }, { method: 'HEAD', path })).status).toBe(404);
    expect((await get(path)).status).toBe(303);
    const again = await get(path);
    expect(again.status).toBe(403);
    expect(again.headers).not.toHaveProperty('set-cookie');
    for (const bad of ['/login', '/login?code=', '/login?code=x', '/login?code=a&code=b'])
      expect((await get(bad)).status).toBe(403);
  });

  test('gives a session cookie that scripts cannot read and other sites cannot send', async () => {
    const { setCookies } = await logIn();
    const [session = '', csrf = ''] = setCookies;
    expect(session).toMatch(/^hero_session_\d+=.*; HttpOnly; .*SameSite=Strict/);
    expect(csrf).toMatch(/^hero_csrf_\d+=.*SameSite=Strict/);
    expect(csrf).not.toContain('HttpOnly');
  });

  test('expires after ten minutes, and its session after a week', () => {
    let now = 0;
    const access = new Access('t', () => now);
    const late = access.newLoginCode();
    now = 10 * 60_000;
    expect(access.login(late.code)).toBeUndefined();
    const session = access.login(access.newLoginCode().code);
    const cookie = session?.cookie ?? '';
    expect(access.isSession(cookie)).toBe(true);
    expect(new Access('t', () => now).isSession(cookie)).toBe(true);
    expect(new Access('another', () => now).isSession(cookie)).toBe(false);
    now += 7 * 24 * 3600_000;
    expect(access.isSession(cookie)).toBe(false);
  });
});

describe('a session', () => {
  test('can read with its cookie, and can change things only with the CSRF header', async () => {
    const { cookies, csrf } = await logIn();
    expect(codeOf(await http({ headers: { cookie: cookies } }))).toEqual([403, 'FORBIDDEN']);
    expect(codeOf(await http({ headers: { cookie: cookies, 'x-hero-csrf': 'x' } }))).toEqual([403, 'FORBIDDEN']);
    const other = await logIn();
    expect(codeOf(await http({ headers: { cookie: cookies, 'x-hero-csrf': other.csrf } }))).toEqual([403, 'FORBIDDEN']);
    expect((await http({ headers: { cookie: cookies, 'x-hero-csrf': csrf } })).json().error).toBeUndefined();
    expect((await get('/api/plays/nobody/spans', { cookie: cookies })).status).toBe(404);
  });

  test('is refused if any part of it was altered', async () => {
    const { cookies, csrf } = await logIn();
    const [name, value = ''] = (cookies.split('; ')[0] ?? '').split('=');
    const [end = '', nonce, sign] = value.split('.');
    for (const altered of [
      `${Number(end) + 1}.${nonce}.${sign}`,
      `${end}.x.${sign}`,
      `${end}.${nonce}.`,
      '..',
      'x',
      '',
    ]) {
      expect((await http({ headers: { cookie: `${name}=${altered}`, 'x-hero-csrf': csrf } })).status).toBe(401);
    }
  });
});

describe('the sockets', () => {
  test('are accessible to the owner only, and rpc.sock needs no token', async () => {
    for (const path of [gateway.rpcSocket, gateway.adminSocket]) expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await send({ socketPath: gateway.rpcSocket }, { body: CALL })).json().error).toBeUndefined();
  });

  test('admin.sock serves the same as the HTTP port, with the same checks', async () => {
    const to = { socketPath: gateway.adminSocket };
    expect((await send(to, { body: CALL })).status).toBe(401);
    expect((await send(to, { body: CALL, headers: { ...bearer(), host: 'evil.example' } })).status).toBe(403);
    expect((await send(to, { body: CALL, headers: { ...bearer(), host: 'localhost' } })).status).toBe(200);
    expect((await send(to, { method: 'GET', path: '/', headers: { host: 'localhost' } })).status).toBe(200);
  });
});
