import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from '@jest/globals';

/** docs/invariants.md names tests, as `file` (a part of a title) or `file.py::test`: each of them exists. */
const root = join(import.meta.dirname, '..', '..');
const folders = [
  'conformance/test',
  'sdk-python/tests',
  ...readdirSync(join(root, 'apps')).map((app) => `apps/${app}/test`),
];
const known = folders
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => readdirSync(join(root, folder)).map((file) => `${folder}/${file}`));
const rows = readFileSync(join(root, 'docs', 'invariants.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| I'));

const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()));

test.each(cells.map((cell) => ({ name: cell[1] ?? '', tests: cell.at(-2) ?? '' })))('$name', ({ tests }) => {
  const named = [...tests.matchAll(/`([\w/.-]+\.(?:test\.ts|py))(?:::(\w+))?`(?: \(([^)]+)\))?/g)];
  expect(named).not.toEqual([]);
  for (const [, path = '', pytest, title] of named) {
    const files = known.filter((file) => file === path || (basename(path) === path && basename(file) === path));
    expect({ path, files: files.length }).toEqual({ path, files: 1 });
    expect(readFileSync(join(root, files[0] ?? ''), 'utf8')).toContain(pytest ? `def ${pytest}(` : (title ?? ''));
  }
});

test('I1 to I12 are there', () => {
  expect(cells.map((cell) => cell[1])).toEqual(Array.from({ length: 12 }, (_, i) => `I${i + 1}`));
});
