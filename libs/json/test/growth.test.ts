/** The cost of checking a user's values grows linearly with their size. The tests count operations; they measure no time. */
import type { Json } from '@hero/contracts';
import { checkSchema, describe as described, didYouMean, jsonFaults } from '@hero/json';

/** Objects that count how often their keys are read. */
function watched(count: number): { items: Json[]; looks: () => number } {
  let looks = 0;
  const ownKeys = (target: object): (string | symbol)[] => {
    looks++;
    return Reflect.ownKeys(target);
  };
  const items = Array.from({ length: count }, (_, n) => new Proxy({ n, same: 'x' }, { ownKeys }) as unknown as Json);
  return { items, looks: () => looks };
}

test('uniqueItems reads each object once', () => {
  const growth = [1_000, 4_000].map((count) => {
    const { items, looks } = watched(count);
    expect(checkSchema({ uniqueItems: true }, items, 'v')).toEqual([]);
    return looks();
  });
  expect((growth[1] ?? 0) / (growth[0] ?? 1)).toBeLessThan(4.5);
});

test('uniqueItems finds equal objects regardless of key order, and never confuses a string with an object', () => {
  const check = (items: Json[]) => checkSchema({ uniqueItems: true }, items, 'v').map(({ message }) => message);
  expect(check([{ a: 1, b: [2] }, 3, { b: [2], a: 1 }])).toEqual(['must not repeat items: 2 equals 0']);
  expect(check([{ a: 1 }, '{"a":1}', [1], '[1]', 1, '1', true, null, 'null'])).toEqual([]);
});

test('faults of a value are found with their paths, as deep as values may be', () => {
  expect(jsonFaults({ a: [1, { 'b\0': 'x\0' }] }, 'v')).toEqual([
    { path: 'v.a.1.b\\u0000', message: 'its name must not contain the NUL character' },
    { path: 'v.a.1.b\\u0000', message: 'must not contain the NUL character' },
  ]);
  const nested = (levels: number): Json => (levels === 0 ? 1 : [nested(levels - 1)]);
  expect(jsonFaults(nested(64), 'v')).toEqual([]);
  expect(jsonFaults(nested(65), 'v').map(({ message }) => message)).toEqual(['is nested deeper than 64 levels']);
  expect(jsonFaults([[], { a: 1 }, '\ud800', 1], 'v')).toHaveLength(1);
});

test('a message quotes only the beginning of a huge string', () => {
  expect(described('x'.repeat(1_000_000)).length).toBeLessThan(100);
});

test('the search for a similar name compares a bounded number of names', () => {
  let read = 0;
  const get = (names: string[], key: string | symbol, self: unknown): unknown => {
    if (typeof key === 'string' && /^\d+$/.test(key)) read++;
    return Reflect.get(names, key, self);
  };
  const known = new Proxy(
    Array.from({ length: 10_000 }, (_, n) => `name${n}`),
    { get },
  );
  didYouMean('nam', known);
  expect(read).toBeLessThan(1_000);
});
