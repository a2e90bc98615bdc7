/** The drivers in examples/, each run as a reader runs it, against one system. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Street } from '../src/street.js';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'examples');
const DRIVERS = readdirSync(FOLDER).filter((name) => /^\d\d_\w+\.py$/.test(name));

let street: Street;
beforeAll(async () => {
  street = await Street.start({ slots: 4 });
}, 60_000);
afterAll(async () => await street?.[Symbol.asyncDispose](), 60_000);

/** Warnings are errors, and every `assert` counts: a driver that ends with 0 has seen what it promises. */
test.each(DRIVERS)(
  '%s',
  async (name) => {
    const { NODE_OPTIONS: _, PYTHONOPTIMIZE: __, ...inherited } = process.env;
    const env = { ...inherited, HERO_HOME: street.home, PYTHONPATH: join(ROOT, 'sdk-python', 'src') };
    const driver = promisify(execFile)('python3', ['-B', '-W', 'error', join(FOLDER, name)], { env, timeout: 60_000 });
    const { stdout } = await driver.catch((error: { stdout: string; stderr: string }) => {
      throw new Error(
        `${name} failed:\n${error.stdout}${error.stderr}${street.liveExecutors()[0]?.log() ?? 'the executor has ended'}`,
      );
    });
    expect(stdout).toMatch(/: (success|failed|cancelled), /);
  },
  90_000,
);

test('each driver is numbered without a hole, has assertions, and is explained in docs/examples.md', () => {
  const page = readFileSync(join(ROOT, 'docs', 'examples.md'), 'utf8');
  expect(DRIVERS.map((name) => Number(name.slice(0, 2)))).toEqual(DRIVERS.map((_, index) => index + 1));
  expect([...page.matchAll(/^## \[[^\]]+\]\(\.\.\/examples\/(\w+\.py)\)$/gm)].map(([, name]) => name)).toEqual(DRIVERS);
  for (const name of DRIVERS) expect(readFileSync(join(FOLDER, name), 'utf8')).toContain('        assert ');
});
