/** docs/decisions/0008: `npm ci` refuses a lock file that leaves out an optional package of another platform. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Entry {
  optionalDependencies?: Record<string, string>;
  resolved?: string;
  link?: boolean;
}

const file = join(import.meta.dirname, '..', '..', 'package-lock.json');
const { packages } = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Entry> };

it('names the optional packages of every platform', () => {
  const named = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)));
  const optional = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
  expect(optional.filter((name) => !named.has(name))).toEqual([]);
});

it('holds no address of a registry', () => {
  const addresses = Object.values(packages).filter(({ resolved, link }) => resolved !== undefined && link !== true);
  expect(addresses).toEqual([]);
});
