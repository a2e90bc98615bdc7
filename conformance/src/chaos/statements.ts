/** The statements of random flows: each has its lines, its output, and the steps that it commits in order. */

export type Random = () => number;
export const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

export interface Statement {
  lines: string[];
  /** The ids that it adds to the output, in order. */
  ids: string[];
  /** Names of its questions. */
  asks?: string[];
  /** Its steps in this play: parallel chains, each committed in its order. */
  chains?: string[][];
  /** A question, and a step that runs for a second beside it. */
  beside?: { question: string; work: string };
}

/** `own` numbers the statement within its flow; `label` names the play. */
export interface Where {
  random: Random;
  label: string;
  own: string;
}

export const BRANCHES = ['plain', 'plain', 'ask', 'ask', 'timed', 'sleep', 'nested'] as const;
type Branch = (typeof BRANCHES)[number];

export const named = ({ label, own }: Where, suffix = ''): string => `${label}.${own}${suffix}`;

/** One call of a step whose outcome is shown. */
export const shown = (where: Where, call: string): Statement => ({
  lines: [`seen.append(saw(folder, "${named(where)}", ${call}))`],
  ids: [named(where)],
  chains: [[named(where)]],
});

export const step = (where: Where, name: string): Statement => shown(where, `${name}(folder, label, "${where.own}")`);

/** A call that may fail: the error is an outcome, too. */
export const caught = (where: Where, call: string, errors = 'Exception'): Statement => ({
  lines: [
    'try:',
    `    seen.append(saw(folder, "${named(where)}", ${call}))`,
    `except ${errors} as error:`,
    `    seen.append(saw(folder, "${named(where)}", told(error)))`,
  ],
  ids: [named(where)],
  chains: [[named(where)]],
});

export const asked = (where: Where, call: string, before: string[] = []): Statement => ({
  lines: [...before, `seen.append(saw(folder, "${named(where)}", ${call}))`],
  ids: [named(where)],
  asks: [named(where)],
});

export function branches(where: Where, n: number, kind: Branch, lines: string[]): Statement {
  const all = Array.from({ length: n }, (_, k) => {
    const asks = kind === 'ask' || kind === 'timed' ? [named(where, `q${k}`)] : [];
    const leaves = kind === 'nested' ? [named(where, `z${k}0`), named(where, `z${k}1`)] : [];
    const [x, y] = [named(where, `x${k}`), named(where, `y${k}`)];
    const chains = leaves.length > 0 ? leaves.map((leaf) => [x, leaf, y]) : [[x, y]];
    return { ids: [x, ...asks, ...leaves, y], asks, chains };
  });
  return {
    lines,
    ids: all.flatMap(({ ids }) => ids),
    asks: all.flatMap(({ asks }) => asks),
    chains: all.flatMap(({ chains }) => chains),
  };
}
