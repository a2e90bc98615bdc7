import { describe, expect, test } from '@jest/globals';
import { readEnv } from '@hero/service-kit';
import { LineSplitter, LineTooLong } from '../src/line-splitter.js';
import { withBroker } from '../src/egress.js';
import { resolvePython } from '../src/python.js';
import { checkMounts, executorEnv } from '../src/settings.js';

const read = (env: NodeJS.ProcessEnv) =>
  readEnv('executor', executorEnv, { NATS_URL: 'nats://127.0.0.1:4222', ...env });

describe('the environment of an executor', () => {
  test('has a default for everything', () => {
    expect(read({})).toMatchObject({
      HERO_SANDBOX: 'default',
      HERO_EGRESS: { mode: 'proxy', public: true, entries: [] },
      HERO_MOUNTS: [],
      HERO_PYTHON: 'python3',
    });
    expect(read({}).HERO_SLOTS).toBeGreaterThanOrEqual(4);
  });

  test.each([
    [{ HERO_SANDBOX: 'strict' }, 'strict has not landed yet'],
    [{ HERO_EGRESS: ',' }, 'write none'],
    [{ HERO_EGRESS: 'everything' }, 'is not known'],
    [{ HERO_SECRETS_FILE: 'secrets' }, 'must be an absolute path'],
    [{ AIBROKER_API_KEY: 'x' }, 'fewer than 8 characters'],
    [{ AIBROKER_URL: 'http://me:password@host/v1' }, 'must not have a password'],
    [{ AIBROKER_URL: 'file:///v1' }, 'AIBROKER_URL'],
    [{ HERO_EGRESS: 'https://example.org' }, 'is not known'],
    [{ HERO_EGRESS: 'public,none' }, 'none stands alone'],
    [{ HERO_EGRESS: 'db.internal:70000' }, 'no valid port'],
    [{ HERO_EGRESS: '0x7f.1:80' }, 'no valid host'],
    [{ HERO_EGRESS: '[fd00::g]:80' }, 'is not known'],
    [{ HERO_EGRESS: '*.internal:80' }, 'is not known'],
    [{ HERO_EGRESS: '127.0.0.2:3128' }, 'where plays find the proxy'],
    [{ HERO_SLOTS: '0' }, 'HERO_SLOTS'],
  ])('refuses %o with a sentence', (env, sentence) => {
    expect(() => read(env)).toThrow(sentence);
  });

  test('names every fault at once, those of mounts too', () => {
    const env = { HERO_MOUNTS: 'relative,/does/not/exist:rw,/', HERO_SLOTS: 'many' };
    for (const part of ['relative', '/does/not/exist', 'the whole file system', 'HERO_SLOTS']) {
      expect(() => read(env)).toThrow(part);
    }
    expect(read({ HERO_MOUNTS: '/usr,/tmp:rw' }).HERO_MOUNTS).toEqual([
      { path: '/usr', writable: false },
      { path: '/tmp', writable: true },
    ]);
  });

  test('names what plays may reach in one spelling', () => {
    expect(read({ HERO_EGRESS: 'none' }).HERO_EGRESS).toEqual({ mode: 'none' });
    expect(read({ HERO_EGRESS: 'host' }).HERO_EGRESS).toEqual({ mode: 'host' });
    expect(read({ HERO_EGRESS: 'DB.internal.:5432, [fd00::1]:80,db.internal:5432' }).HERO_EGRESS).toEqual({
      mode: 'proxy',
      public: false,
      entries: ['db.internal:5432', '[fd00::1]:80'],
    });
  });

  test('lets plays reach the language model that it names', () => {
    const { HERO_EGRESS: named } = read({ HERO_EGRESS: 'public' });
    const entries = (url: string) => withBroker(named, url);
    expect(entries('http://localhost:9000/v1')).toMatchObject({ public: true, entries: ['localhost:9000'] });
    expect(entries('https://[fd00::1]/v1')).toMatchObject({ entries: ['[fd00::1]:443'] });
    expect(entries('http://models.internal.:9000')).toMatchObject({ entries: ['models.internal:9000'] });
    expect(withBroker({ mode: 'none' }, 'http://localhost:9000')).toEqual({ mode: 'none' });
  });

  test('refuses a language model at a host to which the proxy cannot connect', () => {
    const { HERO_EGRESS: named } = read({ HERO_EGRESS: 'public' });
    for (const url of ['http://a..b', 'http://-a/v1', 'http://127.0.0.2:9000', 'http://a:0'])
      expect(() => withBroker(named, url)).toThrow(/^AIBROKER_URL: /);
  });

  test('shows plays nothing of the services', () => {
    const mounts = [{ path: '/home/me', writable: false }];
    expect(() => checkMounts(mounts, '/home/me/hero/var')).toThrow('services’ own files');
    expect(() => checkMounts(mounts, '/srv/hero/var')).not.toThrow();
    expect(() => checkMounts(mounts, '/srv/hero/var', '/home/me/secrets')).toThrow('shows plays HERO_SECRETS_FILE');
    const clients = '/srv/hero/var/clients/secrets';
    expect(() => checkMounts([], '/srv/hero/var', clients)).toThrow('plays see parts of /srv/hero/var');
  });

  test('needs a Python that runs and is new enough', async () => {
    await expect(resolvePython('no-such-python')).rejects.toThrow('install Python 3.10 or newer');
    expect((await resolvePython('python3')).executable).toMatch(/^\//);
  });
});

describe('a line splitter', () => {
  test('gives whole lines, however the bytes come', () => {
    const splitter = new LineSplitter(100);
    const text = Buffer.from('one\ntwo\n\nthree');
    const lines = [...text].flatMap((byte) => splitter.push(Buffer.from([byte])));
    expect([...lines, ...splitter.push(Buffer.from('!\n'))].map(String)).toEqual(['one', 'two', '', 'three!']);
  });

  test('refuses a line over its limit before it holds it', () => {
    const splitter = new LineSplitter(10);
    expect(() => splitter.push(Buffer.alloc(11, 'x'))).toThrow(LineTooLong);
    expect(() => new LineSplitter(3).push(Buffer.from('four\n'))).toThrow(LineTooLong);
  });
});
