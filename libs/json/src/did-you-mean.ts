/** `; did you mean "topic"?` where one of these names is similar, else an empty text. */
export function didYouMean(name: string, known: readonly string[]): string {
  const folded = fold(name);
  const allowed = Math.max(1, Math.floor(folded.length / 3));
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known.slice(0, 500)) {
    const distance = editDistance(folded, fold(candidate), allowed);
    if (distance <= allowed && distance < least) [best, least] = [candidate, distance];
  }
  return best === undefined ? '' : `; did you mean ${JSON.stringify(best)}?`;
}

/** Ignores case and separators, the most frequent mistakes: maxItems, max-items and max_items are the same name. */
const fold = (name: string): string =>
  name
    .slice(0, 100)
    .toLowerCase()
    .replaceAll(/[_\-\s.]/g, '');

/** The edit distance of two names (insert, delete, replace, swap neighbours); above `limit` it is only a lower bound. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(previous, j) + 1, at(current, j - 1) + 1, at(previous, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(before, j - 2) + 1);
      current.push(cost);
    }
    [before, previous] = [previous, current];
  }
  return at(previous, b.length);
}

const at = (row: number[], index: number): number => row[index] ?? Number.POSITIVE_INFINITY;
