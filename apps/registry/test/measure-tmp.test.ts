import { stepCommit } from '@hero/contracts';
import { Memory } from '../src/memory.js';
import { PlayService, step } from './play-service.js';
let registry: PlayService;
beforeAll(async () => void (registry = await PlayService.start()), 60_000);
afterAll(async () => await registry[Symbol.asyncDispose]());
const read = async (sid: string) => {
  const memory = registry.service.app.get(Memory);
  let n = 0, pages = 0; const t = performance.now();
  for (let next: string | null = ''; next !== null; ) { const p: { items: unknown[]; next: string | null } = await memory.page(sid, next); n += p.items.length; next = p.next; pages++; }
  return `${n} items ${pages} pages ${(performance.now() - t).toFixed(0)} ms`;
};
test('m', async () => {
  const out: string[] = [];
  const flat = await registry.running();
  for (let g = 0; g < 10; g++) await registry.commit(flat, g + 1, Array.from({ length: 1000 }, (_, n) => step(`f${g * 1000 + n}`)));
  const nested = await registry.running();
  // 10,000 finished calls, each with one below; and 10,000 below one unfinished
  for (let g = 0; g < 10; g++) await registry.commit(nested, g + 1, Array.from({ length: 1000 }, (_, n) => [step(`p${g * 1000 + n}`), step(`c${g * 1000 + n}`, 1, { parent_place: `p${g * 1000 + n}` })]).flat());
  const open = await registry.running();
  for (let g = 0; g < 10; g++) await registry.commit(open, g + 1, Array.from({ length: 1000 }, (_, n) => step(`o${g * 1000 + n}`, 1, { parent_place: 'open call' })));
  await registry.sql('ANALYZE steps');
  for (let k = 0; k < 4; k++) out.push(`flat ${await read(flat.play_sid)} | nested ${await read(nested.play_sid)} | open ${await read(open.play_sid)}`);
  const mine = await registry.running();
  for (const mode of ['plain', 'diverged', 'plain', 'diverged']) {
    const times: number[] = [];
    const base = (await registry.row(mine.play_sid)).group_no;
    for (let g = 1; g <= 300; g++) { const t = performance.now(); await registry.bus.ask(stepCommit, { owner: mine.owner, groups: [{ play_sid: mine.play_sid, epoch: mine.epoch, group: base + g, cost_usd: 0, steps: [step(`${mode} ${base + g}`)], diverged: mode === 'plain' ? null : { reason: 'x', name: 'n', place: 'p', kind: 'value', parent: '' } }] }); times.push(performance.now() - t); }
    times.sort((a, b) => a - b); out.push(`${mode} commit p50 ${times[150]?.toFixed(2)} p90 ${times[270]?.toFixed(2)} ms`);
  }
  console.log(out.join('\n'));
}, 120_000);
