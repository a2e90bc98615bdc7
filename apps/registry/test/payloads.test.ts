/** Large values are replaced by references and fetched separately; no reply grows with their number. */
import { isRef, MIB, playList, playPayload, playPendingResumes, playResume, spanOutputs } from '@hero/contracts';
import { codeOf, type Mine, PlayService, question, step } from './play-service.js';

let registry: PlayService;
beforeAll(async () => {
  registry = await PlayService.start();
});
afterAll(() => registry[Symbol.asyncDispose]());

const textOf = (bytes: number): string => 'x'.repeat(bytes - 2);
const jsonOf = (bytes: number): string => JSON.stringify(textOf(bytes));
const bytesOf = (reply: unknown): number => Buffer.byteLength(JSON.stringify(reply));
const payload = (play_sid: string, ref: string) => registry.bus.ask(playPayload, { play_sid, ref });

/** Starts and ends plays with outputs of this size, under a workflow of their own. */
async function ended(count: number, bytes: number, parent?: string): Promise<string[]> {
  const [row] = await registry.sql<{ sids: string[] }>(
    `WITH made AS (
       INSERT INTO plays (sid, name, workflow_sid, version_sid, version_number, prefill_only, status, output, parent_play_sid)
       SELECT $1 || '-' || to_char(n, 'FM0000'), 'large', $2, 'v', 1, false, 'success', $3, $4 FROM generate_series(1, $5) AS n
       RETURNING sid), given AS (INSERT INTO inputs (play_sid, input) SELECT sid, '{}' FROM made)
     SELECT array_agg(sid ORDER BY sid DESC) AS sids FROM made`,
    `many${bytes}`,
    registry.workflowSid,
    jsonOf(bytes),
    parent ?? null,
    count,
  );
  return row?.sids ?? [];
}

async function pages(parent_play_sid: string): Promise<{ sids: string[]; bytes: number[] }> {
  const sids: string[] = [];
  const bytes: number[] = [];
  let cursor: string | undefined;
  do {
    const page = await registry.bus.ask(playList, { parent_play_sid, ...(cursor && { cursor }) });
    sids.push(...page.items.map(({ sid }) => sid));
    bytes.push(bytesOf(page));
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return { sids, bytes };
}

describe('a list', () => {
  test('of 70 plays with outputs of 1 MiB stays small, with a reference for each output', async () => {
    const sids = await ended(70, MIB, 'parent-of-large');
    const page = await registry.bus.ask(playList, { parent_play_sid: 'parent-of-large', limit: 500 });
    expect(page.items.map(({ sid }) => sid)).toEqual(sids);
    expect(bytesOf(page)).toBeLessThan(100 * 1024);
    expect(page.items[0]?.output_data).toEqual({ $size: MIB, $ref: 'output' });
    expect(await payload(sids[3] ?? '', 'output')).toBe(textOf(MIB));
  });

  test('of values that just fit is split into pages below 1 MiB, and loses none', async () => {
    const sids = await ended(40, 60 * 1024, 'parent-of-middling');
    const found = await pages('parent-of-middling');
    expect(found.sids).toEqual(sids);
    expect(found.bytes.length).toBeGreaterThan(1);
    expect(Math.max(...found.bytes)).toBeLessThan(MIB);
  });
});

describe('a play', () => {
  const answered = async (count: number, bytes: number): Promise<Mine> => {
    const mine = await registry.running('executor-a', {
      prefill_resumes: { '*': Array.from({ length: count }, () => textOf(bytes)) },
    });
    await registry.pause(
      mine,
      1,
      Array.from({ length: count }, (_, n) => question(`ask ${n}`)),
    );
    return mine;
  };

  test.each([
    [12, MIB],
    [40, 60 * 1024],
  ])('with %i answers of %i bytes is read in less than 1 MiB', async (count, bytes) => {
    const { play_sid } = await answered(count, bytes);
    const play = await registry.play(play_sid);
    const received = Object.entries(play.received_resumes);
    expect(received).toHaveLength(count);
    expect(bytesOf(play)).toBeLessThan(MIB);
    const [id, ref] = received.findLast(([, value]) => isRef(value)) ?? [];
    expect(ref).toEqual({ $size: bytes, $ref: `answer.${id}` });
    expect(await payload(play_sid, `answer.${id}`)).toBe(textOf(bytes));
  });

  test('with many large steps is read in less than 1 MiB with all their outputs', async () => {
    const mine = await registry.running();
    const steps = Array.from({ length: 30 }, (_, n) => step(`s${n}`, textOf(n < 15 ? 60 * 1024 : 200 * 1024)));
    await registry.commit(mine, 1, steps);
    const { step_outputs = [], ...rest } = await registry.play(mine.play_sid);
    expect(step_outputs.map(({ name }) => name)).toEqual(steps.map(({ name }) => name));
    expect(bytesOf({ step_outputs, ...rest })).toBeLessThan(MIB);
    expect(step_outputs[0]?.output).toBe(textOf(60 * 1024));
    expect(step_outputs[29]?.output).toEqual({ $size: 200 * 1024, $ref: 'step.key of s29' });
    expect(await payload(mine.play_sid, 'step.key of s29')).toBe(textOf(200 * 1024));
  });

  test('shows the output of a span, large values by reference', async () => {
    const mine = await registry.running();
    const [small, large] = ['0123456789abcdef', 'fedcba9876543210'];
    await registry.commit(mine, 1, [
      step('small', [1], { span_id: small }),
      step('large', textOf(MIB), { span_id: large }),
    ]);
    const span_ids = [small, large];
    const { outputs } = await registry.bus.ask(spanOutputs, { play_sid: mine.play_sid, span_ids });
    expect(outputs).toEqual({ [small]: [1], [large]: { $size: MIB, $ref: `span.${large}` } });
    expect(await payload(mine.play_sid, `span.${large}`)).toBe(textOf(MIB));
  });

  test('shows a large form by reference, and its first 500 questions; the others are in pages', async () => {
    const mine = await registry.running();
    const ui = { kind: 'text', label: textOf(MIB / 8) };
    await registry.pause(mine, 1, [
      question('form', { ui }),
      ...Array.from({ length: 600 }, (_, n) => question(`ask ${n}`)),
    ]);
    const { pending_resumes } = await registry.play(mine.play_sid);
    const [form] = pending_resumes;
    expect(form?.ui).toEqual({ $size: JSON.stringify(ui).length, $ref: `ui.${form?.id}` });
    expect(await payload(mine.play_sid, `ui.${form?.id}`)).toEqual(ui);
    expect(pending_resumes).toHaveLength(500);
    const after = pending_resumes.at(-1)?.id;
    const rest = await registry.bus.ask(playPendingResumes, { play_sid: mine.play_sid, after });
    expect(rest.map(({ name }) => name)).toEqual(Array.from({ length: 101 }, (_, n) => `ask ${n + 499}`));
    await registry.end(mine);
  });
});

describe('a value of a user', () => {
  test.each([
    ['that looks like a reference', '{"$size": 3, "$ref": "output"}'],
    ['that looks like one with escapes', '{"\\u0024size": 3, "\\u0024ref": "input", "more": 1}'],
  ])('%s is replaced by a reference', async (_, output) => {
    const mine = await registry.running();
    await registry.end(mine, { output });
    const { output_data } = await registry.play(mine.play_sid);
    expect(output_data).toEqual({ $size: output.length, $ref: 'output' });
    expect(await payload(mine.play_sid, 'output')).toEqual(JSON.parse(output));
  });

  test('that has only one of these keys, or has them deeper, is in the reply', async () => {
    for (const output of [
      '{"$ref": "output"}',
      '[{"$size": 1, "$ref": "output"}]',
      '"{\\"$size\\": 1, \\"$ref\\": 1}"',
    ]) {
      const mine = await registry.running();
      await registry.end(mine, { output });
      expect((await registry.play(mine.play_sid)).output_data).toEqual(JSON.parse(output));
    }
  });

  test('is sent with its text unchanged', async () => {
    const mine = await registry.running();
    await registry.end(mine, { output: '{"b": 1.0, "10": 1, "9": 2}' });
    const body = JSON.stringify({ play_sid: mine.play_sid });
    const reply = await registry.bus.nc.request('hero.registry.play_status', body);
    expect(reply.string()).toContain('"output_data":{"b": 1.0, "10": 1, "9": 2}');
  });
});

test('an unknown reference is not found', async () => {
  const mine = await registry.running();
  await registry.pause(mine, 1, [question('open')]);
  const [open] = (await registry.play(mine.play_sid)).pending_resumes;
  const refs = [
    'output',
    'nothing',
    'step.none',
    'span.none',
    'constructor',
    'input.x',
    `answer.${open?.id}`,
    '.',
    'schema.',
  ];
  for (const ref of refs) expect([ref, await codeOf(payload(mine.play_sid, ref))]).toEqual([ref, 'NOT_FOUND']);
  expect(await payload(mine.play_sid, 'input')).toEqual({});
  await registry.bus.ask(playResume, { play_sid: mine.play_sid, resume_id: open?.id, payload: 0 });
  expect(await payload(mine.play_sid, `answer.${open?.id}`)).toBe(0);
  expect(await codeOf(payload('another', 'input'))).toBe('NOT_FOUND');
});
