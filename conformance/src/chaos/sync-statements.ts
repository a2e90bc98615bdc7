import {
  asked,
  BRANCHES,
  branches,
  caught,
  named,
  pick,
  shown,
  type Statement,
  step,
  type Where,
} from './statements.js';

/** How a step fails (flow-source.ts). */
const FAILURES = ['plain', 'group', 'cause', 'notes'] as const;

type Builder = (where: Where) => Statement;

const SYNC = {
  mark: (where) => step(where, 'mark'),
  slow: (where) => shown(where, `mark(folder, label, "${where.own}", 2)`),
  flaky: (where) => caught(where, `flaky(folder, label, "${where.own}")`),
  patient: (where) => caught(where, `patient(folder, label, "${where.own}")`),
  once: (where) => step(where, 'once'),
  light: (where) => step(where, 'light'),
  gate: (where) => step(where, 'gate'),
  stuck: (where) => caught(where, `stuck(folder, label, "${where.own}")`, 'TimeoutError'),
  broken: (where) => {
    const kind = pick(where.random, FAILURES);
    return caught(where, `broken(folder, label, "${where.own}", "${kind}")`);
  },
  pause: (where) => asked(where, `flow.pause("${named(where)}")`),
  timeout: (where) => {
    const seconds = (0.5 + where.random()).toFixed(1);
    return asked(where, `flow.pause("${named(where)}", timeout=${seconds}, default="default")`);
  },
  webhook: (where) =>
    asked(where, `flow.pause("${named(where)}")`, [
      `leave(folder, "${named(where)}", flow.webhook("${named(where)}"))`,
    ]),
  sleep: ({ random }) => ({ lines: [`flow.sleep(${random() < 0.5 ? 0.05 : 2.2})`], ids: [] }),
  value: (where) => ({ ...shown(where, '[flow.random(), flow.uuid()]'), chains: [] }),
  call: (where) => ({
    lines: [
      'try:',
      '    flow.call("workflow_list", limit=1)',
      'except FlowError:',
      '    pass',
      `seen.append(["${named(where)}", "called"])`,
    ],
    ids: [named(where)],
  }),
  big: (where) => shown(where, `big(folder, label, "${where.own}")[:14]`),
  invoke: (where) => ({
    lines: [`seen += flow.invoke("chaos inner", folder=folder, label="${named(where)}")`],
    ids: [named(where, '.a'), named(where, '.v'), named(where, '.b')],
    chains: [[named(where, '.a'), named(where, '.b')]],
  }),
  spawn: (where) => {
    const ask = where.random() < 0.4;
    const given = `folder=folder, label="${named(where)}", ask=${ask ? 'True' : 'False'}`;
    return {
      lines: [`seen += flow.invoke("chaos child", spawn=True, ${given})`],
      ids: [named(where, '.a'), ...(ask ? [named(where, '.q')] : []), named(where, '.b')],
    };
  },
  map: (where) => {
    const n = 2 + Math.floor(where.random() * 4);
    const kind = pick(where.random, BRANCHES);
    return branches(where, n, kind, [
      `@flow(name="item ${where.own}")`,
      'def item(n):',
      `    return branch(n, folder, label, "${where.own}", "${kind}")`,
      `for each in flow.map(item, range(${n}), max_workers=3):`,
      '    seen += each',
    ]);
  },
  /** A process that outlives every attempt unless the runtime ends it. */
  background: () => ({ lines: ['subprocess.Popen(["sleep", "300"])'], ids: [] }),
  threads: (where) => {
    const ids = Array.from({ length: 3 }, (_, k) => named(where, `t${k}`));
    return {
      lines: [
        'found = {}',
        'def work(n):',
        `    found[n] = mark(folder, label, f"${where.own}t{n}")`,
        'threads = [threading.Thread(target=contextvars.copy_context().run, args=(work, n)) for n in range(3)]',
        'for thread in threads:',
        '    thread.start()',
        'for thread in threads:',
        '    thread.join()',
        `seen += [saw(folder, f"${named(where)}t{n}", found[n]) for n in range(3)]`,
      ],
      ids,
      chains: ids.map((id) => [id]),
    };
  },
} satisfies Record<string, Builder>;

export type SyncStatement = keyof typeof SYNC;
export const syncStatement = (kind: SyncStatement, where: Where): Statement => SYNC[kind](where);

/** Statements by likelihood; `gate`, which makes a play fail first, is added separately. */
export const COMMON: readonly SyncStatement[] = [
  ...(Object.keys(SYNC) as SyncStatement[]).filter((kind) => kind !== 'gate'),
  'mark',
  'once',
  'map',
  'map',
];
/** Flows of these statements may be played with all answers prefilled. */
export const ANSWERED: readonly SyncStatement[] = ['mark', 'flaky', 'pause', 'pause', 'sleep', 'map'];
