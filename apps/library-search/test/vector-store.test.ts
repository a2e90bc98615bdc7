import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { tempFolder } from '@hero/testing';
import { pack } from '../src/vector-index.js';
import { hashOf, VectorStore } from '../src/vector-store.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
const stores: VectorStore[] = [];
beforeEach(async () => {
  folder = await tempFolder();
});
afterEach(async () => {
  for (const store of stores.splice(0)) store.close();
  await folder[Symbol.asyncDispose]();
});

function open(model = 'model'): VectorStore {
  const store = new VectorStore(folder.path, model);
  stores.push(store);
  return store;
}
const file = () => join(folder.path, readdirSync(folder.path)[0] ?? '');
const [a, b, c] = ['a', 'b', 'c'].map(hashOf) as [string, string, string];

describe('the store of vectors', () => {
  test('has after a restart what was put', () => {
    const vector = pack([3, -4, 0]);
    open().put(a, vector);
    const again = open();
    expect(again.get(a)?.bytes).toEqual(vector.bytes);
    expect(again.get(a)?.scale).toBeCloseTo(vector.scale, 6);
    expect(again.get(b)).toBeUndefined();
  });

  test('keeps the models apart', () => {
    open('one').put(a, pack([1, 2]));
    expect(open('two').get(a)).toBeUndefined();
  });

  test('goes without a record that was cut by a crash, and appends after the sound ones', () => {
    const store = open();
    store.put(a, pack([1, 2]));
    store.put(b, pack([2, 1]));
    const whole = readFileSync(file());
    writeFileSync(file(), whole.subarray(0, whole.length - 3));
    const again = open();
    expect([again.get(a), again.get(b)]).toEqual([expect.anything(), undefined]);
    again.put(c, pack([1, 1]));
    const third = open();
    expect([third.get(a), third.get(b), third.get(c)]).toEqual([expect.anything(), undefined, expect.anything()]);
  });

  test('goes without a damaged record, and without a file of something else', () => {
    const store = open();
    store.put(a, pack([1, 2]));
    store.put(b, pack([2, 1]));
    const bytes = readFileSync(file());
    bytes[10] = (bytes[10] as number) ^ 1;
    writeFileSync(file(), bytes);
    const again = open();
    expect([again.get(a), again.get(b)]).toEqual([undefined, expect.anything()]);
    writeFileSync(file(), 'x');
    expect(open().get(b)).toBeUndefined();
  });

  test('begins anew when vectors of another length come from the same model', () => {
    const store = open();
    store.put(a, pack([1, 2]));
    store.put(b, pack([1, 2, 3]));
    const again = open();
    expect([again.get(a), again.get(b)?.bytes.length]).toEqual([undefined, 3]);
  });

  test('writes a text once', () => {
    const store = open();
    store.put(a, pack([1, 2]));
    const { size } = statSync(file());
    store.put(a, pack([1, 2]));
    expect(statSync(file()).size).toBe(size);
  });
});
