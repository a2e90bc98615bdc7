/** Two servers open one state folder at once. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempFolder } from '@hero/testing';
import { expect, test } from '@jest/globals';
import { openState } from '../src/folders.js';

test('when servers start at the same time in a new HERO_HOME, the earlier data is set aside once and new data never', async () => {
  await using temp = await tempFolder();
  const [home, folder] = [join(temp.path, 'home'), join(temp.path, 'state')];
  const openOne = async () => {
    const state = await openState(home, folder, async () => undefined);
    await writeFile(join(folder, `data of ${state.id} ${Math.random()}`), '');
    return state;
  };
  const before = await openOne();
  await writeFile(join(folder, 'earlier'), 'data');
  await rm(home, { recursive: true });
  const states = await Promise.all([1, 2, 3].map(openOne));
  expect(new Set(states.map(({ id }) => id)).size).toBe(1);
  expect(states.map(({ setAside }) => setAside)).toEqual([`${folder}.old`, undefined, undefined]);
  expect(await readFile(join(`${folder}.old`, 'earlier'), 'utf8')).toBe('data');
  expect(await readFile(join(folder, 'id'), 'utf8')).not.toBe(before.id);
});
