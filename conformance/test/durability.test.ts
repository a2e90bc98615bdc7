/** The guarantees of durable and pipelined plays, and the sizes of payloads. */
import { access, readFile, writeFile } from 'node:fs/promises';
import { until } from '@hero/testing';
import { MODES, FlowRunner } from './flow-runner.js';

let runner: FlowRunner;

describe.each(MODES)('durability, %s', (mode, env) => {
  beforeAll(async () => {
    runner = await FlowRunner.open({ executors: 1, slots: 8, env });
  }, 60_000);
  afterAll(async () => await runner?.[Symbol.asyncDispose](), 60_000);

  it('pipelined: memory after a crash is a prefix of the steps that ran, and has all steps before a flush', async () => {
    const path = `${runner.folder}/ran-${mode.length}`;
    const count = mode === 'plainly' ? 2_000 : 60;
    const play_sid = await runner.start(
      `
@flow(name="mark")
def mark(n, path):
    with open(path, "a") as out:
        out.write(f"{n}\\n")
    return n

@flow(durability="pipelined")
def main(path):
    for n in range(${count}):
        mark(n, path)
        if n == ${count / 2}:
            flow.flush()
            open(path + "-flushed", "w").close()
        if not os.path.exists(path + "-go") and n == ${count - 5}:
            time.sleep(100)
    return ${count}
`,
      { path },
    );
    const there = (file: string): Promise<boolean> =>
      access(file).then(
        () => true,
        () => false,
      );
    await until(() => there(`${path}-flushed`), { within: 30_000, what: 'the flush' });
    const flushed = await runner.street.sql<{ n: number }>(
      `SELECT count(*)::int AS n FROM registry.steps WHERE play_sid = $1 AND name = 'mark'`,
      [play_sid],
    );
    expect(flushed[0]?.n).toBeGreaterThan(count / 2);
    const [victim] = runner.street.liveExecutors();
    await victim?.kill();
    const remembered = await runner.street.sql<{ outcome: number }>(
      `SELECT outcome::text::int AS outcome FROM registry.steps WHERE play_sid = $1 AND name = 'mark' ORDER BY 1`,
      [play_sid],
    );
    expect(remembered.map(({ outcome }) => outcome)).toEqual(remembered.map((_, n) => n));
    const ran = (await readFile(path, 'utf8')).trim().split('\n').map(Number);
    expect(ran.length).toBeGreaterThanOrEqual(remembered.length);
    await writeFile(`${path}-go`, '');
    await runner.street.startExecutor();
    expect(await runner.ended(play_sid)).toMatchObject({ status: 'success', output_data: count });
    const all = (await readFile(path, 'utf8')).trim().split('\n').map(Number);
    // No remembered step ran again.
    for (let n = 0; n < remembered.length; n++) expect(all.filter((ran) => ran === n)).toHaveLength(1);
  }, 90_000);

  it('an input, an outcome, an answer and an output of nearly 16 MiB are accepted; a larger one is an error where it arises', async () => {
    const size = 16 * 1024 * 1024 - 1_000;
    const workflow = await runner.save(`
@flow(name="echo")
def echo(text):
    return text

@flow(name="grow")
def grow(size):
    return '"' * size

@flow
def main(text):
    try:
        grow(17 << 20)
        told = "it was taken"
    except Exception as error:
        told = type(error).__name__
    answer = flow.pause("more")
    return [told, len(echo(text)), len(answer), grow(${Math.floor(size / 2) - 100})][:4]
`);
    const text = 'x'.repeat(size);
    const { sid } = await runner.hero.play_start({ workflow_sid: workflow.sid, input_data: { text: text.slice(20) } });
    await runner.waiting(sid);
    await expect(
      runner.hero.play_resume({ play_sid: sid, name: 'more', payload: `${text}${'x'.repeat(2_000)}` }),
    ).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
    await runner.answer(sid, 'more', text);
    const play = await runner.ended(sid);
    expect(play.error).toBeNull();
    const [told, input, answer, grown] = play.output_data as [string, number, number, string];
    expect([told, input, answer, grown.length]).toEqual([
      'PayloadTooLarge',
      size - 20,
      size,
      Math.floor(size / 2) - 100,
    ]);
    await expect(
      runner.hero.play_start({ workflow_sid: workflow.sid, input_data: { text: 'x'.repeat(17 << 20) } }),
    ).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  }, 120_000);

  it('an outcome of nearly 16 MiB is in the spans, in the events and in the live view', async () => {
    const size = 16 * 1024 * 1024 - 1_000;
    const play_sid = await runner.start(`
@flow(name="grow")
def grow(size):
    return "x" * size

@flow
def main():
    grow(${size})
    flow.pause("look")
`);
    await runner.waiting(play_sid);
    const live: number[] = [];
    for await (const message of runner.hero.follow(play_sid)) {
      if (message.kind === 'snapshot') {
        const grown = message.spans.filter(({ name }) => name === 'grow');
        for (const { output } of grown) live.push(String(await runner.hero.whole(play_sid, output)).length);
        await runner.answer(play_sid, 'look');
      }
    }
    expect(live).toEqual([size]);
    const { items } = await runner.hero.play_events({ play_sid });
    const ends = items.flatMap((event) => (event.type === 'span_ended' ? [event.output] : []));
    expect(ends).toContainEqual({ $size: size + 2, $ref: expect.stringMatching(/^span\.[0-9a-f]{16}$/) });
    expect(JSON.stringify(items)).not.toContain('output_omitted');
  }, 60_000);

  it('a play may call only the methods that it was granted', async () => {
    const output = await runner.output(`
@flow(grants=["workflow_list"])
def main():
    told = [len(flow.call("workflow_list", limit=1)["items"]), flow.call("flow_library_search", query="")]
    try:
        flow.call("workflow_delete", workflow_sid="x")
    except Exception as error:
        told.append([type(error).__name__, error.code])
    return told
`);
    expect(output).toEqual([1, [], ['CallFailed', 'FORBIDDEN']]);
  }, 60_000);
});
