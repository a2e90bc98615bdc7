/** Measures of an ordered answer against the wanted flows. */
export interface Judged {
  kind: string;
  names: readonly string[];
  wanted: readonly string[];
}

export interface Scores {
  queries: number;
  /** Of the wanted flows, the part that is among the first five. */
  recall5: number;
  /** 1 / the place of the first wanted flow, of the first ten. */
  mrr: number;
  ndcg10: number;
}

export function scoresOf(judged: readonly Judged[]): Scores {
  const mean = (of: (one: Judged) => number): number =>
    judged.reduce((sum, one) => sum + of(one), 0) / Math.max(judged.length, 1);
  return { queries: judged.length, recall5: mean(recall5), mrr: mean(reciprocalRank), ndcg10: mean(ndcg10) };
}

const recall5 = ({ names, wanted }: Judged): number =>
  names.slice(0, 5).filter((name) => wanted.includes(name)).length / Math.min(5, wanted.length);

function reciprocalRank({ names, wanted }: Judged): number {
  const first = names.slice(0, 10).findIndex((name) => wanted.includes(name));
  return first < 0 ? 0 : 1 / (first + 1);
}

function ndcg10({ names, wanted }: Judged): number {
  const gain = (rank: number): number => 1 / Math.log2(rank + 2);
  const found = names.slice(0, 10).reduce((sum, name, rank) => sum + (wanted.includes(name) ? gain(rank) : 0), 0);
  return found / wanted.slice(0, 10).reduce((sum, _, rank) => sum + gain(rank), 0);
}

/** The value below which this part of the values lies. */
export const percentile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0;
