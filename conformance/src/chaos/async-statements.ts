import { asked, BRANCHES, branches, named, pick, shown, type Statement, type Where } from './statements.js';

type Builder = (where: Where) => Statement;

const ASYNC = {
  mark: (where) => shown(where, `await mark_async(folder, label, "${where.own}")`),
  pause: (where) => asked(where, `await flow.pause("${named(where)}")`),
  sleep: ({ random }) => ({ lines: [`await flow.sleep(${random() < 0.5 ? 0.05 : 2.2})`], ids: [] }),
  spawn: (where) => ({
    lines: [`seen += await flow.invoke("chaos child", spawn=True, folder=folder, label="${named(where)}", ask=False)`],
    ids: [named(where, '.a'), named(where, '.b')],
  }),
  gather: (where) => {
    const n = 2 + Math.floor(where.random() * 4);
    const kind = pick(where.random, BRANCHES);
    return branches(where, n, kind, [
      `for each in await asyncio.gather(*(branch(n, folder, label, "${where.own}", "${kind}") for n in range(${n}))):`,
      '    seen += each',
    ]);
  },
} satisfies Record<string, Builder>;

export type AsyncStatement = keyof typeof ASYNC;
export const asyncStatement = (kind: AsyncStatement, where: Where): Statement => ASYNC[kind](where);
export const ASYNC_COMMON: readonly AsyncStatement[] = [...(Object.keys(ASYNC) as AsyncStatement[]), 'gather'];
