import { issuesOf, Json, playResume, playStart } from '../src/index.js';

const pathsOf = (
  schema: typeof Json | typeof playStart.params | typeof playResume.params,
  value: unknown,
): string[] => {
  const parsed = schema.safeParse(value);
  return parsed.success ? [] : issuesOf(parsed.error).map(({ path }) => path);
};

describe('any JSON', () => {
  test.each([null, true, 0, -1.5, '', 'é', [], {}, [{ a: [null, { b: 'c' }] }], Object.create(null)])(
    'accepts %j unchanged',
    (value) => {
      expect(Json.parse(value)).toBe(value);
    },
  );

  test('names the path of a value that is not JSON', () => {
    expect(pathsOf(Json, undefined)).toEqual(['']);
    expect(pathsOf(playStart.params, { workflow_name: 'w', input_data: { a: [1, { b: Number.NaN }] } })).toEqual([
      'input_data.a.1.b',
    ]);
    for (const value of [Number.POSITIVE_INFINITY, () => 1, new Date(), new Map(), Symbol('s'), 1n, { x: undefined }]) {
      expect(pathsOf(playResume.params, { play_sid: 'p', name: 'n', payload: { a: value } })[0]).toMatch(/^payload\.a/);
    }
  });

  test('must be present where it is required; null counts as present', () => {
    expect(pathsOf(playResume.params, { play_sid: 'p', name: 'n' })).toEqual(['payload']);
    expect(pathsOf(playResume.params, { play_sid: 'p', name: 'n', payload: null })).toEqual([]);
  });

  test('has no limit of depth', () => {
    const text = '['.repeat(5_000) + ']'.repeat(5_000);
    expect(Json.safeParse(JSON.parse(text)).success).toBe(true);
  });
});
