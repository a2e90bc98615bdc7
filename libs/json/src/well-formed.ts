/** PostgreSQL cannot store NUL, and UTF-8 cannot encode a lone surrogate. */
const UNFIT = new RegExp(String.raw`\u0000|\p{Surrogate}`, 'gu');

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The same JSON value with U+FFFD for each NUL and lone surrogate, in keys too. */
export function wellFormed(value: string): string;
export function wellFormed(value: unknown): unknown;
export function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(UNFIT, '\uFFFD');
  if (Array.isArray(value)) return value.map((item: unknown) => wellFormed(item));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key.replace(UNFIT, '\uFFFD'), wellFormed(inner)]),
  );
}
