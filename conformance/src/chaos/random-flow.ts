/** Generates random flows from statements. Each flow knows its expected output: one pair `[id, value]` for every effect and question. */
import { ASYNC_ALL, type AsyncStatement, asyncStatement } from './async-statements.js';
import { BRANCH, HEAD } from './flow-source.js';
import { pick, type Random, type Statement } from './statements.js';
import { ANSWERED, COMMON, type SyncStatement, syncStatement } from './sync-statements.js';

export interface RandomFlow {
  source: string;
  /** Ids that the output must name, in order. */
  ids: string[];
  /** Statement after statement, the chains of steps that each commits. */
  order: string[][][];
  /** Questions beside steps that run for a second. */
  beside: { question: string; work: string }[];
  /** Questions that are prefilled at the start of the play: all of them, or none. */
  prefilled: string[];
  /** The play fails until its `go` file exists; then a retry must succeed. */
  failsFirst: boolean;
  pipelined: boolean;
}

export interface FlowMix {
  /** Makes sync flows of these statements only; default: all statements. */
  only?: readonly SyncStatement[];
  /** Makes async flows of these statements only. */
  onlyAsync?: readonly AsyncStatement[];
  /** Share of the plays that are pipelined. */
  pipelined?: number;
}

export function randomFlow(random: Random, label: string, mix: FlowMix = {}): RandomFlow {
  const { only, onlyAsync, pipelined: share = 0.25 } = mix;
  const any = only === undefined && onlyAsync === undefined;
  const answered = any && random() < 0.1;
  const isAsync = onlyAsync !== undefined || (any && !answered && random() < 0.4);
  const pipelined = random() < share;
  const failsFirst = (any || only?.includes('gate') === true) && random() < 0.12;
  const kinds = (answered ? ANSWERED : (only ?? COMMON)).filter((kind) => kind !== 'gate');
  const statements = Array.from({ length: 2 + Math.floor(random() * 5) }, (_, n): Statement => {
    const where = { random, label, own: `m${n}` };
    return isAsync
      ? asyncStatement(pick(random, onlyAsync ?? ASYNC_ALL), where)
      : syncStatement(pick(random, kinds), where);
  });
  if (failsFirst) {
    const gate = syncStatement('gate', { random, label, own: 'gate' });
    statements.splice(Math.floor(random() * statements.length), 0, gate);
  }
  const options = `name="chaos"${pipelined ? ', durability="pipelined"' : ''}, grants=["workflow_list"]`;
  const source = [
    HEAD,
    isAsync ? BRANCH.async : BRANCH.sync,
    `@flow(${options}, inputs={"folder": "string", "label": "string"})`,
    `${isAsync ? 'async def' : 'def'} main(folder, label):`,
    '    seen = []',
    ...statements.flatMap(({ lines }) => lines).map((line) => `    ${line}`),
    '    return seen',
    '',
  ].join('\n');
  return {
    source,
    ids: statements.flatMap(({ ids }) => ids),
    order: statements.map(({ chains = [] }) => chains),
    beside: statements.flatMap(({ beside = [] }) => beside),
    prefilled: answered ? statements.flatMap(({ asks = [] }) => asks) : [],
    failsFirst,
    pipelined,
  };
}
