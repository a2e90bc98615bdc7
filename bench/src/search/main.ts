/**
 * Judges the search of a running system: `node bench/dist/search/main.js [words|hybrid]`.
 *
 * It starts `up` with an empty HERO_HOME, saves the judged flows, waits until all of them are in the index (and embedded, for `hybrid`), and sends
 * the judged queries one after the other.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HeroClient, unixTransport } from '@hero/openrpc';
import { type JudgedQuery, judgedFlows, judgedQueries, sourceOf } from './judged.js';
import { type Judged, percentile, type Scores, scoresOf } from './scores.js';

const CLI = resolve(import.meta.dirname, '../../../apps/cli/dist/main.js');
const AT_ONCE = 4;
const INDEXED_WITHIN_MS = 300_000;

interface Answered extends Judged {
  part: JudgedQuery['part'];
  ms: number;
}

async function main(mode: 'words' | 'hybrid'): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'hero-search-'));
  const HERO_CACHE = process.env.HERO_CACHE ?? join(homedir(), '.cache', 'hero-logic');
  const HERO_EMBEDDINGS = mode === 'hybrid' ? 'builtin' : 'off';
  const up = spawn(process.execPath, [CLI, 'up'], {
    env: { ...process.env, HERO_HOME: home, HERO_HTTP_PORT: '0', HERO_CACHE, HERO_EMBEDDINGS },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(up, 'exit');
  const hero = new HeroClient(unixTransport(join(home, 'var', 'sockets', 'hero_logic', 'rpc.sock')));
  try {
    for await (const chunk of up.stdout) if (/^ready after/m.test(String(chunk))) break;
    await save(hero);
    await indexed(hero, mode);
    report(mode, await answers(hero));
  } finally {
    hero.close();
    up.kill('SIGTERM');
    await ended;
    await rm(home, { recursive: true, force: true });
  }
}

async function save(hero: HeroClient): Promise<void> {
  const flows = judgedFlows();
  const saving = Array.from({ length: AT_ONCE }, async () => {
    for (let flow = flows.pop(); flow; flow = flows.pop())
      await hero.workflow_create({ name: flow.name, python_source: sourceOf(flow) });
  });
  await Promise.all(saving);
}

async function indexed(hero: HeroClient, mode: string): Promise<void> {
  const flows = judgedFlows().length;
  for (const end = Date.now() + INDEXED_WITHIN_MS; ; await delay(500)) {
    const { search } = await hero.system_status({});
    const complete = search && search.flows >= flows && (mode === 'words' || search.embedded === search.flows);
    if (complete && search.mode === mode) return;
    if (Date.now() > end) throw new Error(`The index is not complete: ${JSON.stringify(search)}`);
  }
}

async function answers(hero: HeroClient): Promise<Answered[]> {
  const answered: Answered[] = [];
  await hero.flow_library_search({ query: 'the first one starts what is needed' });
  for (const { kind, query, wanted, part } of judgedQueries()) {
    const began = performance.now();
    const hits = await hero.flow_library_search({ query });
    answered.push({ kind, wanted, part, ms: performance.now() - began, names: hits.map(({ name }) => name) });
  }
  return answered;
}

function report(mode: string, answered: readonly Answered[]): void {
  const times = answered.map(({ ms }) => ms);
  console.log(
    `${mode}: a query takes ${percentile(times, 0.5).toFixed(1)} ms (p50), ${percentile(times, 0.95).toFixed(1)} ms (p95)`,
  );
  for (const part of ['tuning', 'held out'] as const) {
    const own = answered.filter((one) => one.part === part);
    const rows: Record<string, Record<string, string | number>> = { all: shown(scoresOf(own)) };
    for (const kind of new Set(own.map((one) => one.kind)))
      rows[kind] = shown(scoresOf(own.filter((one) => one.kind === kind)));
    console.log(part);
    console.table(rows);
  }
}

const shown = ({ queries, recall5, mrr, ndcg10 }: Scores): Record<string, string | number> => ({
  queries,
  'recall@5': recall5.toFixed(3),
  MRR: mrr.toFixed(3),
  'nDCG@10': ndcg10.toFixed(3),
});

const [mode = 'hybrid'] = process.argv.slice(2);
if (mode !== 'words' && mode !== 'hybrid') throw new Error(`The mode is words or hybrid, not ${mode}.`);
await main(mode);
