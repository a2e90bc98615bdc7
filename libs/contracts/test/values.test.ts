import { z } from 'zod';
import { issuesOf, Name, publicContracts, ResumeId, Sid, workflowCreate } from '../src/index.js';

/** Texts that their own parser checks: a source (with line and column), a cursor, a time. */
const READ_BY_ITS_HANDLER = ['python_source', 'cursor', 'since', 'until'];

/** The type of a parameter, without its optional wrapper. */
function bare(shape: z.core.$ZodType): z.core.$ZodType {
  if (shape instanceof z.ZodOptional || shape instanceof z.ZodDefault || shape instanceof z.ZodNullable)
    return bare(shape.def.innerType);
  return shape;
}

const textParameters = publicContracts().flatMap(({ name, params }) =>
  Object.entries(params instanceof z.ZodObject ? params.shape : {})
    .map(([key, shape]) => ({ method: name, key, type: bare(shape as z.core.$ZodType) }))
    .filter(({ key, type }) => type instanceof z.ZodString && !READ_BY_ITS_HANDLER.includes(key)),
);

const fits = (type: z.core.$ZodType, text: string): boolean => z.safeParse(type, text).success;

test('every text parameter of a public method is refused if it cannot be stored', () => {
  expect(textParameters.length).toBeGreaterThan(30);
  const taken = textParameters.filter(({ type }) => fits(type, 'a\0b') || fits(type, 'a\ud800'));
  expect(taken.map(({ method, key }) => `${method}.${key}`)).toEqual([]);
});

test('every text parameter of a public method has a maximum length', () => {
  const taken = textParameters.filter(({ type }) => fits(type, 'a'.repeat(20_000)));
  expect(taken.map(({ method, key }) => `${method}.${key}`)).toEqual([]);
});

test('every fault has its path', () => {
  const parsed = workflowCreate.params.safeParse({
    name: 'x\n',
    python_source: '',
    description: 'a\0',
    tags: ['ok', '\udc00'],
  });
  expect(issuesOf(parsed.error ?? new z.ZodError([]))).toEqual([
    { path: 'name', message: 'must be 1 to 200 characters, none of them a control character' },
    { path: 'description', message: 'must not contain the NUL character' },
    { path: 'tags.1', message: 'must not contain a lone surrogate (half of a character)' },
  ]);
});

test('an identifier is one token of a subject', () => {
  const odd = ['', 'a.b', 'a b', '*', '>', 'a\n', 'é', 'a'.repeat(65), 'a'.repeat(5_000)];
  expect(odd.filter((sid) => fits(Sid, sid))).toEqual([]);
});

test('identifiers, ids of questions and names must match their patterns', () => {
  expect(fits(Sid, '019a9f3e-7d1c-7a00-8000-0123456789ab')).toBe(true);
  expect([fits(ResumeId, '0'.repeat(32)), fits(ResumeId, '0'.repeat(31)), fits(ResumeId, 'g'.repeat(32))]).toEqual([
    true,
    false,
    false,
  ]);
  expect([fits(Name, '😀'.repeat(200)), fits(Name, ''), fits(Name, 'a'.repeat(201))]).toEqual([true, false, false]);
});
