import { asked, BRANCHES, branches, named, pick, shown, type Statement, type Where } from './statements.js';

const several = (where: Where, letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => named(where, `${letter}${n}`));

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
  /** Workers that take items from a queue: a replay must give each item to the same worker. */
  queue: (where) => {
    const ids = several(where, 'w', 6);
    return {
      lines: [
        'queue, got = asyncio.Queue(), {}',
        'for n in range(6):',
        '    queue.put_nowait(n)',
        'async def worker():',
        '    while not queue.empty():',
        '        n = queue.get_nowait()',
        `        got[n] = await mark_async(folder, label, f"${where.own}w{n}")`,
        'await asyncio.gather(worker(), worker(), worker())',
        `seen += [saw(folder, f"${named(where)}w{n}", got[n]) for n in range(6)]`,
      ],
      ids,
      chains: ids.map((id) => [id]),
    };
  },
  /** The next statement depends on the order in which the tasks ended. */
  completed: (where) => {
    const ids = several(where, 'c', 4);
    const last = named(where, 'd');
    return {
      lines: [
        'ended = []',
        `for each in asyncio.as_completed([mark_async(folder, label, f"${where.own}c{n}") for n in range(4)]):`,
        '    ended.append(await each)',
        `tokens = await mark_after(folder, label, "${where.own}d", ended)`,
        `seen.append(saw(folder, "${named(where)}e", len(ended)))`,
        `seen.append(saw(folder, "${last}", tokens))`,
      ],
      ids: [named(where, 'e'), last],
      chains: ids.map((id) => [id, last]),
    };
  },
  /** The same with sets of Tasks. */
  wait: (where) => {
    const ids = several(where, 'c', 4);
    const last = named(where, 'd');
    return {
      lines: [
        'ended = []',
        `waiting = {asyncio.create_task(mark_async(folder, label, f"${where.own}c{n}")) for n in range(4)}`,
        'while waiting:',
        '    done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)',
        '    ended += [task.result() for task in done]',
        `seen.append(saw(folder, "${last}", await mark_after(folder, label, "${where.own}d", ended)))`,
      ],
      ids: [last],
      chains: ids.map((id) => [id, last]),
    };
  },
  beside: (where) => {
    const work = named(where, 'x');
    const question = named(where);
    return {
      lines: [
        `token, answer = await asyncio.gather(mark_async(folder, label, "${where.own}x", 1, 1), flow.pause("${question}"))`,
        `seen += [saw(folder, "${work}", token), saw(folder, "${question}", answer)]`,
      ],
      ids: [work, question],
      asks: [question],
      chains: [[work]],
      beside: { question, work },
    };
  },
  limited: (where) => {
    const kind = pick(where.random, BRANCHES);
    return branches(where, 4, kind, [
      'permits = asyncio.Semaphore(2)',
      'async def one(n):',
      '    async with permits:',
      `        return await branch(n, folder, label, "${where.own}", "${kind}")`,
      'for each in await asyncio.gather(*(one(n) for n in range(4))):',
      '    seen += each',
    ]);
  },
  group: (where) => {
    const kind = pick(where.random, BRANCHES);
    return branches(where, 3, kind, [
      'async with asyncio.TaskGroup() as group:',
      `    tasks = [group.create_task(branch(n, folder, label, "${where.own}", "${kind}")) for n in range(3)]`,
      'for task in tasks:',
      '    seen += task.result()',
    ]);
  },
  /** A time limit around a question, beside work. */
  timely: (where) => {
    const seconds = (0.5 + 2 * where.random()).toFixed(1);
    const work = named(where, 'x');
    return {
      lines: [
        'async def limited():',
        '    try:',
        `        return await asyncio.wait_for(flow.pause("${named(where)}"), ${seconds})`,
        '    except asyncio.TimeoutError:',
        '        return "too late"',
        `token, answer = await asyncio.gather(mark_async(folder, label, "${where.own}x", 2), limited())`,
        `seen += [saw(folder, "${work}", token), saw(folder, "${named(where)}", answer)]`,
      ],
      ids: [work, named(where)],
      asks: [named(where)],
      chains: [[work]],
    };
  },
} satisfies Record<string, Builder>;

export type AsyncStatement = keyof typeof ASYNC;
export const asyncStatement = (kind: AsyncStatement, where: Where): Statement => ASYNC[kind](where);
export const ASYNC_ALL = Object.keys(ASYNC) as AsyncStatement[];
