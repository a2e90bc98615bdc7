/** The memory of the next attempt: begun steps, items below finished calls, and the first difference from it. */
import { type MemoryItem, type Result, playMemory, stepCommit } from '@hero/contracts';
import { type Claim, fenceOf, type Mine, PlayService, question, step } from './play-service.js';

let registry: PlayService;

beforeAll(async () => void (registry = await PlayService.start()), 60_000);
afterAll(async () => await registry[Symbol.asyncDispose]());

const DONE = { result: 'done' };
const begun = (place: string, begins: number) => step(place, { begins }, { kind: 'begun' });
const below = (parent_place: string, place: string) => step(place, place, { parent_place });

const remembered = async ({ memory, ...mine }: Mine): Promise<MemoryItem[]> => {
  const items = [...memory.items];
  for (let { next } = memory; next !== null; ) {
    const page: Result<typeof playMemory> = await registry.bus.ask(playMemory, { ...fenceOf(mine), next });
    items.push(...page.items);
    next = page.next;
  }
  return items;
};
/** The process dies; returns the memory of the next one. */
const afterCrash = async (claim: Claim): Promise<MemoryItem[]> => {
  await registry.crash(claim);
  return remembered(await registry.claimed(claim.play_sid));
};
const placesOf = (items: MemoryItem[]): string[] => items.map(([place]) => place).sort();

describe('a step that has begun', () => {
  test('is remembered as begun after a crash, and gets its value in a later attempt', async () => {
    const mine = await registry.running();
    expect(await registry.commit(mine, 1, [begun('a', 1)])).toEqual(DONE);
    await registry.crash(mine);
    const again = await registry.claimed(mine.play_sid);
    expect(await remembered(again)).toEqual([['a', 'begun', '{"begins":1}', '', 'a', 'call']]);
    expect(await registry.commit(again, 1, [begun('a', 2)])).toEqual(DONE);
    expect(await registry.commit(again, 2, [step('a', 'value')])).toEqual(DONE);
    expect(await afterCrash(again)).toEqual([['a', 'value', '"value"', '', 'a', 'call']]);
  });

  test('that begins twice is remembered with its second begin', async () => {
    const mine = await registry.running();
    await registry.commit(mine, 1, [begun('a', 1)]);
    await registry.commit(mine, 2, [begun('a', 2)]);
    expect(await afterCrash(mine)).toEqual([['a', 'begun', '{"begins":2}', '', 'a', 'call']]);
  });

  test('keeps its value or its error, regardless of later commits for it (I3)', async () => {
    const mine = await registry.running();
    await registry.commit(mine, 1, [begun('a', 1), begun('b', 1)]);
    await registry.commit(mine, 2, [step('a', 'first'), step('b', { type: 'E' }, { kind: 'error' })]);
    const late = [step('a', 'second'), begun('b', 2)];
    expect(await registry.commit(mine, 3, late)).toEqual(DONE);
    expect((await afterCrash(mine)).sort()).toEqual([
      ['a', 'value', '"first"', '', 'a', 'call'],
      ['b', 'error', '{"type":"E"}', '', 'b', 'call'],
    ]);
  });

  test('is not an output, and neither is a resolved version', async () => {
    const mine = await registry.running();
    await registry.commit(mine, 1, [begun('a', 1), step('r', 'v', { role: 'resolve' }), step('b', 2)]);
    expect((await registry.play(mine.play_sid)).step_outputs).toEqual([
      { step_key: 'key of b', name: 'b', kind: 'value', output: 2 },
    ]);
  });
});

describe('memory below a finished call', () => {
  test('is not sent, at any depth; below an unfinished one it is', async () => {
    const mine = await registry.running();
    const steps = [
      step('value'),
      step('error', { type: 'E' }, { kind: 'error' }),
      step('begun', { begins: 1 }, { kind: 'begun' }),
      ...['value', 'error', 'begun', 'unfinished'].map((parent) => below(parent, `below ${parent}`)),
      below('below value', 'deep below value'),
      below('below begun', 'deep below begun'),
      // Begun, and never asked for again, because the enclosing call has ended.
      step('cut', { begins: 1 }, { kind: 'begun', parent_place: 'value' }),
      below('cut', 'below cut'),
    ];
    await registry.commit(mine, 1, steps);
    expect(placesOf(await afterCrash(mine))).toEqual(['begun', 'below begun', 'below unfinished', 'error', 'value']);
  });

  test('is not sent if it is an answer', async () => {
    const mine = await registry.running('executor-a', { prefill_resumes: { '*': [1, 2, 3] } });
    await registry.commit(mine, 1, [step('finished'), step('cut', 1, { kind: 'begun', parent_place: 'finished' })]);
    const asked = ['finished', 'cut', 'unfinished'].map((parent_place) => question(parent_place, { parent_place }));
    await registry.pause(mine, 2, asked);
    expect(placesOf(await afterCrash(mine))).toEqual(['finished', 'place of unfinished']);
  });

  test('is left out of every page of many', async () => {
    const mine = await registry.running();
    for (let group = 1; group <= 10; group++) {
      const calls = Array.from({ length: 1_000 }, (_, n) => `${group} ${n}`);
      await registry.commit(
        mine,
        group,
        calls.flatMap((call) => [step(call), below(call, `in ${call}`), below('unfinished', `beside ${call}`)]),
      );
    }
    const items = await afterCrash(mine);
    expect(items).toHaveLength(20_000);
    expect(new Set(placesOf(items)).size).toBe(20_000);
    expect(items.filter(([place]) => place.startsWith('in '))).toEqual([]);
  }, 60_000);

  test('two items of the largest size are sent in separate pages', async () => {
    const text = 'x'.repeat(9 * 1024 * 1024);
    const mine = await registry.running('executor-a', { prefill_resumes: { q: text } });
    await registry.commit(mine, 1, [step('a', text)]);
    await registry.pause(mine, 2, [question('q')]);
    await registry.crash(mine);
    const again = await registry.claimed(mine.play_sid);
    expect(placesOf(again.memory.items)).toEqual(['a']);
    expect(placesOf(await remembered(again))).toEqual(['a', 'place of q']);
  }, 60_000);
});

describe('the first difference from memory', () => {
  const difference = (name: string) => ({ reason: 'it ended', name, place: 'p', kind: 'value', parent: 'main' });
  const commit = async ({ owner, play_sid, epoch }: Mine, group: number, name: string | null): Promise<void> => {
    const diverged = name === null ? null : difference(name);
    const groups = [{ play_sid, epoch, group, cost_usd: 0, steps: [step(`${group}`)], diverged }];
    expect((await registry.bus.ask(stepCommit, { owner, groups })).results).toEqual([DONE]);
  };
  const shown = async ({ play_sid }: Mine) => (await registry.play(play_sid)).diverged;

  test('is shown in the play, and no later difference replaces it, in this attempt or the next', async () => {
    const mine = await registry.running();
    await commit(mine, 1, null);
    expect(await shown(mine)).toBeNull();
    await commit(mine, 2, 'first');
    await commit(mine, 3, 'second');
    await commit(mine, 4, null);
    await registry.pause(mine, 5, [question('q')], { diverged: difference('third') });
    expect(await shown(mine)).toEqual(difference('first'));
    await registry.exit(mine);
    await registry.crash(mine);
    expect(await shown(mine)).toEqual(difference('first'));
  });

  test('is also accepted with a pause and with the end', async () => {
    const paused = await registry.running();
    await registry.pause(paused, 1, [question('q')], { diverged: difference('paused') });
    expect(await shown(paused)).toEqual(difference('paused'));
    const ended = await registry.running();
    await registry.end(ended, { diverged: difference('ended') });
    expect(await shown(ended)).toEqual(difference('ended'));
  });
});
