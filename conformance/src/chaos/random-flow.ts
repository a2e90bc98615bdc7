/**
 * Random flows, made of what a flow can do. Each knows what it must return: one pair `[id, value]` for every effect and every
 * question, in the order of the source.
 *
 * An effect is a line in the play's file (`id key time`), written by a step that then remembers a random value: whoever runs it
 * twice leaves two lines, and another value.
 */
type Random = () => number;

export interface RandomFlow {
  source: string;
  /** Ids that the output must name, in order. */
  ids: string[];
  /** What it asks, where all of it is answered when it starts. */
  prefilled: string[];
  /** It fails until its `go` file is there; then a retry must succeed. */
  failsFirst: boolean;
  pipelined: boolean;
}

export const LIBRARY = {
  'chaos inner': `
@flow(name="inner", inputs={"folder": "string", "label": "string"})
def main(folder, label):
    return [mark(folder, label, "a"), mark(folder, label, "b")]
`,
  'chaos child': `
@flow(name="child", inputs={"folder": "string", "label": "string", "ask": "boolean"})
def main(folder, label, ask):
    seen = [mark(folder, label, "a")]
    if ask:
        seen.append([f"{label}.q", flow.pause(f"{label}.q")])
    seen.append(mark(folder, label, "b"))
    return seen
`,
} as const;

export const HEAD = `
import asyncio, os, random, time
from hero_tracing import FlowError, flow

def note(folder, label, id):
    with open(os.path.join(folder, label.split(".")[0]), "a") as out:
        out.write(f"{label}.{id} {flow.current_step.key} {time.time_ns()}\\n")

@flow(name="mark")
def mark(folder, label, id, pace=0.02):
    note(folder, label, id)
    time.sleep(random.random() * pace)
    return [f"{label}.{id}", random.random()]

@flow(name="mark_async")
async def mark_async(folder, label, id, pace=0.02):
    note(folder, label, id)
    await asyncio.sleep(random.random() * pace)
    return [f"{label}.{id}", random.random()]

@flow(name="flaky", retries=3, retry_delay=0.05, jitter=0)
def flaky(folder, label, id):
    note(folder, label, id)
    if random.random() < 0.4:
        raise ValueError("flaky")
    return [f"{label}.{id}", random.random()]

@flow(name="patient", retries=3, retry_delay=2.2, backoff=1, jitter=0)
def patient(folder, label, id):
    note(folder, label, id)
    if random.random() < 0.3:
        raise ValueError("patient")
    return [f"{label}.{id}", random.random()]

@flow(name="once", at_most_once=True)
def once(folder, label, id):
    note(folder, label, id)
    time.sleep(random.random() * 0.8)
    return [f"{label}.{id}", random.random()]

@flow(name="stuck", timeout=0.2)
def stuck(folder, label, id):
    note(folder, label, id)
    time.sleep(30)

@flow(name="broken")
def broken(folder, label, id):
    note(folder, label, id)
    raise LookupError("lost")

@flow(name="gate")
def gate(folder, label, id):
    note(folder, label, id)
    if not os.path.exists(os.path.join(folder, label + "-go")):
        raise RuntimeError("not yet")
    return [f"{label}.{id}", random.random()]

@flow(name="leave")
def leave(folder, name, link):
    with open(os.path.join(folder, name + ".part"), "w") as out:
        out.write(link)
    os.rename(os.path.join(folder, name + ".part"), os.path.join(folder, name + ".link"))

@flow(name="big")
def big(folder, label, id):
    note(folder, label, id)
    return os.urandom(150_000).hex()

@flow(name="light", memo=False)
def light(folder, label, id):
    return mark(folder, label, id)
`;

/** What one statement of the flow does: its lines, and the ids that it adds to the output. */
interface Statement {
  lines: string[];
  ids: string[];
  asks?: string[];
}

/** `only`: sync flows made of nothing but these. */
export function randomFlow(
  random: Random,
  label: string,
  only?: readonly SyncStatement[],
): RandomFlow & { asks: string[] } {
  if (only === undefined && random() < 0.1) {
    const flow = randomFlow(random, label, ANSWERED);
    return { ...flow, prefilled: flow.asks };
  }
  const isAsync = only === undefined && random() < 0.3;
  const pipelined = random() < 0.25;
  const failsFirst = random() < 0.12;
  const count = 2 + Math.floor(random() * 5);
  let next = 0;
  const id = (): string => `m${next++}`;
  const statements = Array.from({ length: count }, () =>
    isAsync ? asyncStatement(random, label, id) : syncStatement(pick(random, only ?? SYNC), random, label, id),
  );
  if (failsFirst) statements.splice(Math.floor(random() * statements.length), 0, once('gate', label, id()));
  const [def, wait] = isAsync ? ['async def', 'await '] : ['def', ''];
  const source = [
    HEAD,
    '@flow(name="branch")',
    `${def} branch(n, folder, label, id, ask):`,
    `    first = ${wait}${isAsync ? 'mark_async' : 'mark'}(folder, label, f"{id}x{n}")`,
    `    seen = [first]`,
    '    if ask:',
    '        name = f"{label}.{id}q{n}"',
    `        seen.append([name, ${wait}flow.pause(name)])`,
    `    seen.append(${wait}${isAsync ? 'mark_async' : 'mark'}(folder, label, f"{id}y{n}"))`,
    '    return seen',
    '',
    `@flow(name="chaos"${pipelined ? ', durability="pipelined"' : ''}, grants=["workflow_list"], inputs={"folder": "string", "label": "string"})`,
    `${def} main(folder, label):`,
    '    seen = []',
    ...statements.flatMap(({ lines }) => lines).map((line) => `    ${line}`),
    '    return seen',
    '',
  ].join('\n');
  const asks = statements.flatMap(({ asks = [] }) => asks);
  return { source, ids: statements.flatMap(({ ids }) => ids), asks, prefilled: [], failsFirst, pipelined };
}

const once = (name: string, label: string, id: string): Statement => ({
  lines: [`seen.append(${name}(folder, label, "${id}"))`],
  ids: [`${label}.${id}`],
});

function syncStatement(kind: SyncStatement, random: Random, label: string, id: () => string): Statement {
  const own = id();
  const named = (suffix = ''): string => `${label}.${own}${suffix}`;
  switch (kind) {
    case 'mark':
      return once('mark', label, own);
    case 'flaky':
      return caught('flaky', label, own);
    case 'patient':
      return caught('patient', label, own);
    case 'once':
      return { lines: [`seen.append(["${named()}", once(folder, label, "${own}")])`], ids: [named()] };
    case 'light':
      return once('light', label, own);
    case 'stuck':
      return {
        lines: [
          'try:',
          `    stuck(folder, label, "${own}")`,
          'except TimeoutError:',
          `    seen.append(["${named()}", "late"])`,
        ],
        ids: [named()],
      };
    case 'broken':
      return {
        lines: [
          'try:',
          `    broken(folder, label, "${own}")`,
          'except LookupError:',
          `    seen.append(["${named()}", "lost"])`,
        ],
        ids: [named()],
      };
    case 'pause':
      return { lines: [`seen.append(["${named()}", flow.pause("${named()}")])`], ids: [named()], asks: [named()] };
    case 'webhook':
      return {
        lines: [
          `leave(folder, "${named()}", flow.webhook("${named()}"))`,
          `seen.append(["${named()}", flow.pause("${named()}")])`,
        ],
        ids: [named()],
        asks: [named()],
      };
    case 'call':
      return {
        lines: [
          'try:',
          '    flow.call("workflow_list", limit=1)',
          'except FlowError:',
          '    pass',
          `seen.append(["${named()}", "called"])`,
        ],
        ids: [named()],
      };
    case 'big':
      return { lines: [`seen.append(["${named()}", big(folder, label, "${own}")[:8]])`], ids: [named()] };
    case 'timeout':
      return {
        lines: [
          `seen.append(["${named()}", flow.pause("${named()}", timeout=${(0.5 + random()).toFixed(1)}, default="default")])`,
        ],
        ids: [named()],
      };
    case 'sleep':
      return { lines: [`flow.sleep(${random() < 0.5 ? 0.05 : 2.2})`], ids: [] };
    case 'value':
      return {
        lines: [`value = flow.random()`, `seen.append(["${named()}", [value, flow.uuid()]])`],
        ids: [named()],
      };
    case 'invoke':
      return {
        lines: [`seen += flow.invoke("chaos inner", folder=folder, label="${named()}")`],
        ids: [named('.a'), named('.b')],
      };
    case 'spawn': {
      const ask = random() < 0.4;
      return {
        lines: [
          `seen += flow.invoke("chaos child", spawn=True, folder=folder, label="${named()}", ask=${ask ? 'True' : 'False'})`,
        ],
        ids: [named('.a'), ...(ask ? [named('.q')] : []), named('.b')],
      };
    }
    case 'map': {
      const n = 2 + Math.floor(random() * 4);
      const ask = random() < 0.5;
      return {
        lines: [
          `@flow(name="item ${own}")`,
          `def item(n):`,
          `    return branch(n, folder, label, "${own}", ${ask ? 'True' : 'False'})`,
          `for each in flow.map(item, range(${n}), max_workers=3):`,
          '    seen += each',
        ],
        ids: branches(n, ask, named),
        asks: ask ? Array.from({ length: n }, (_, k) => named(`q${k}`)) : [],
      };
    }
  }
}

function asyncStatement(random: Random, label: string, id: () => string): Statement {
  const own = id();
  const named = (suffix = ''): string => `${label}.${own}${suffix}`;
  switch (pick(random, ASYNC)) {
    case 'mark':
      return { lines: [`seen.append(await mark_async(folder, label, "${own}"))`], ids: [named()] };
    case 'pause':
      return { lines: [`seen.append(["${named()}", await flow.pause("${named()}")])`], ids: [named()] };
    case 'sleep':
      return { lines: [`await flow.sleep(${random() < 0.5 ? 0.05 : 2.2})`], ids: [] };
    case 'spawn':
      return {
        lines: [`seen += await flow.invoke("chaos child", spawn=True, folder=folder, label="${named()}", ask=False)`],
        ids: [named('.a'), named('.b')],
      };
    case 'gather': {
      const n = 2 + Math.floor(random() * 4);
      const ask = random() < 0.5;
      return {
        lines: [
          `for each in await asyncio.gather(*(branch(n, folder, label, "${own}", ${ask ? 'True' : 'False'}) for n in range(${n}))):`,
          '    seen += each',
        ],
        ids: branches(n, ask, named),
      };
    }
  }
}

/** A step whose tries may all fail: that is an outcome, too. */
const caught = (name: string, label: string, id: string): Statement => ({
  lines: [
    'try:',
    `    seen.append(${name}(folder, label, "${id}"))`,
    'except ValueError as error:',
    `    seen.append(["${label}.${id}", str(error)])`,
  ],
  ids: [`${label}.${id}`],
});

const branches = (n: number, ask: boolean, named: (suffix: string) => string): string[] =>
  Array.from({ length: n }, (_, k) => [named(`x${k}`), ...(ask ? [named(`q${k}`)] : []), named(`y${k}`)]).flat();

const SYNC = [
  'mark',
  'mark',
  'flaky',
  'patient',
  'once',
  'once',
  'light',
  'stuck',
  'broken',
  'pause',
  'webhook',
  'timeout',
  'sleep',
  'value',
  'call',
  'big',
  'invoke',
  'spawn',
  'map',
  'map',
] as const;
/** Flows of these are played with all answers given at the start. */
const ANSWERED: readonly SyncStatement[] = ['mark', 'flaky', 'pause', 'pause', 'sleep', 'map'];
export type SyncStatement = (typeof SYNC)[number];
const ASYNC = ['mark', 'pause', 'sleep', 'spawn', 'gather', 'gather'] as const;
export const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
