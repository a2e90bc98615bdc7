/** Steps: tries, timeouts, at most once, remembered values and errors, divergence. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { until } from '@hero/testing';
import { MODES, FlowRunner } from './flow-runner.js';

let runner: FlowRunner;

describe.each(MODES)('a step, %s', (mode, env) => {
  beforeAll(async () => {
    runner = await FlowRunner.open({ executors: 2, slots: 8, env });
  }, 60_000);
  afterAll(async () => await runner?.[Symbol.asyncDispose](), 60_000);

  const lines = async (file: string): Promise<string[]> => {
    const text = await readFile(`${runner.folder}/${file}`, 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  };

  it('with retries shows each try as a child, with one key for all of them', async () => {
    const play_sid = await runner.start(
      `
@flow(name="flaky", retries=3, retry_delay=0.05, jitter=0)
def flaky(path):
    with open(path, "a") as out:
        out.write(flow.current_step.key + "\\n")
    if len(open(path).readlines()) < 3:
        raise ValueError("not yet")
    return "done"

@flow
def main(path):
    return flaky(path)
`,
      { path: `${runner.folder}/flaky-${mode.length}` },
    );
    expect(await runner.ended(play_sid)).toMatchObject({ status: 'success', output_data: 'done', diverged: null });
    const keys = await lines(`flaky-${mode.length}`);
    expect([keys.length, new Set(keys).size]).toEqual([3, 1]);
    const spans = await runner.spans(play_sid);
    const step = spans.find((span) => span.name === 'flaky');
    const tries = spans.filter((span) => span.parent_id === step?.id && span.name.startsWith('try'));
    expect(tries.map(({ name }) => name)).toEqual(['try 1', 'try 2', 'try 3']);
    expect(tries.slice(0, 2).map(({ error }) => error?.message)).toEqual(['not yet', 'not yet']);
  }, 60_000);

  it('gets no extra tries from crashes, and a long backoff is a timer that holds no process', async () => {
    const path = `${runner.folder}/tries-${mode.length}`;
    const play_sid = await runner.start(
      `
@flow(name="hopeless", retries=2, retry_delay=3, backoff=1, jitter=0)
def hopeless(path):
    with open(path, "a") as out:
        out.write("try\\n")
    raise ValueError("never")

@flow
def main(path):
    hopeless(path)
`,
      { path },
    );
    for (const tries of [1, 2]) {
      const waits = async (): Promise<boolean> => {
        const play = await runner.hero.play_status({ play_sid });
        return (
          play.status === 'awaiting_resume' &&
          play.waits[0]?.kind === 'timer' &&
          (await lines(`tries-${mode.length}`)).length === tries
        );
      };
      await until(waits, { within: 20_000, what: `the backoff after try ${tries}` });
      if (tries === 1) await runner.replaceExecutors();
    }
    expect(await runner.ended(play_sid)).toMatchObject({
      status: 'failed',
      error: { type: 'ValueError', message: 'never' },
    });
    expect(await lines(`tries-${mode.length}`)).toHaveLength(3);
  }, 90_000);

  it('that takes longer than its timeout fails with an error that is remembered, though Python cannot stop it', async () => {
    const output = await runner.output(`
@flow(name="stuck", timeout=0.3)
def stuck():
    time.sleep(60)

@flow(name="slow", timeout=0.3)
async def slow():
    await asyncio.sleep(60)

@flow
async def main():
    told = []
    try:
        await asyncio.to_thread(stuck)
    except TimeoutError as error:
        told.append(type(error).__name__)
    try:
        await slow()
    except TimeoutError as error:
        told.append(type(error).__name__)
    return told
`);
    expect(output).toEqual(['StepTimeout', 'StepTimeout']);
  }, 60_000);

  it('whose timeout is not caught makes the play failed; the play’s own limit makes it timed_out, waits excluded', async () => {
    const failed = await runner.ended(
      await runner.start('\n@flow(timeout=0.2)\ndef stuck():\n    time.sleep(60)\n\n@flow\ndef main():\n    stuck()\n'),
    );
    expect(failed).toMatchObject({ status: 'failed', error: { type: 'StepTimeout' } });
    const source = `
@flow(name="limited", timeout=3)
def main():
    flow.pause("first")
    flow.sleep(2.5)
    while True:
        time.sleep(0.01)
`;
    const play_sid = await runner.start(source);
    await runner.waiting(play_sid);
    await new Promise((done) => setTimeout(done, 3_200));
    expect((await runner.hero.play_status({ play_sid })).status).toBe('awaiting_resume');
    await runner.answer(play_sid, 'first');
    expect(await runner.ended(play_sid)).toMatchObject({ status: 'timed_out', error: { type: 'TimeLimit' } });
  }, 90_000);

  it('declared at_most_once does not run again by itself after it was cut: a person decides', async () => {
    const path = `${runner.folder}/once-${mode.length}`;
    const source = `
@flow(name="charge", at_most_once=True)
def charge(path):
    with open(path, "a") as out:
        out.write("charged\\n")
    if len(open(path).readlines()) == 1:
        time.sleep(120)
    return "receipt"

@flow
def main(path):
    return charge(path)
`;
    for (const [decision, output, effects] of [
      [{ action: 'result', result: 'by hand' }, 'by hand', 1],
      [{ action: 'run' }, 'receipt', 2],
    ] as const) {
      await rm(path, { force: true });
      const play_sid = await runner.start(source, { path });
      await until(async () => (await lines(`once-${mode.length}`)).length === 1, {
        within: 20_000,
        what: 'the effect',
      });
      await runner.replaceExecutors();
      const play = await runner.waiting(play_sid);
      expect(play.pending_resumes[0]).toMatchObject({ name: 'decide:charge', ui: expect.anything() });
      await expect(runner.hero.play_resume({ play_sid, name: 'decide:charge', payload: 'yes' })).rejects.toMatchObject({
        code: 'INVALID_PARAMS',
      });
      await runner.answer(play_sid, 'decide:charge', decision);
      expect(await runner.ended(play_sid)).toMatchObject({ status: 'success', output_data: output });
      expect(await lines(`once-${mode.length}`)).toHaveLength(effects);
    }
  }, 120_000);

  it('gives five equal calls five values, the same in order after a pause and after a crash', async () => {
    const play_sid = await runner.start(`
@flow(name="draw")
def draw():
    return random.random()

@flow
def main():
    values = [draw() for _ in range(5)] + [flow.random(), flow.uuid(), flow.now().isoformat()]
    flow.pause("once", schema={"type": "null"})
    flow.pause("twice")
    return values
`);
    const before = await runner.waiting(play_sid);
    const drawn = (before.step_outputs ?? []).map(({ output }) => output);
    expect(new Set(drawn).size).toBe(8);
    await runner.answer(play_sid, 'once');
    await runner.waiting(play_sid);
    await runner.replaceExecutors();
    await runner.answer(play_sid, 'twice');
    const { output_data } = await runner.ended(play_sid);
    expect((output_data as unknown[]).slice(0, 7)).toEqual(drawn.slice(0, 7));
    expect(Date.parse(String((output_data as unknown[])[7]))).toBe(Date.parse(String(drawn[7])));
  }, 60_000);

  it('whose error was caught raises it again after the resume, although it would now succeed', async () => {
    const path = `${runner.folder}/caught-${mode.length}`;
    const play_sid = await runner.start(
      `
@flow(name="read")
def read(path):
    return open(path).read()

@flow
def main(path):
    try:
        way = "there: " + read(path)
    except FileNotFoundError as error:
        way = "not there: " + type(error).__name__
    return [way, flow.pause("go on")]
`,
      { path },
    );
    await runner.waiting(play_sid);
    await writeFile(path, 'now it is there');
    await runner.answer(play_sid, 'go on', 1);
    expect((await runner.ended(play_sid)).output_data).toEqual(['not there: FileNotFoundError', 1]);
  }, 60_000);

  it('that is not asked for again is reported with the first difference', async () => {
    const path = `${runner.folder}/diverge-${mode.length}`;
    const play_sid = await runner.start(
      `
@flow(name="left")
def left():
    return "left"

@flow(name="right")
def right():
    return "right"

@flow
def main(path):
    way = right() if os.path.exists(path) else left()
    flow.pause("go on")
    return way
`,
      { path },
    );
    await runner.waiting(play_sid);
    await writeFile(path, '');
    await runner.answer(play_sid, 'go on');
    const play = await runner.ended(play_sid);
    expect(play).toMatchObject({ status: 'success', output_data: 'right', diverged: { name: 'left' } });
    const { items } = await runner.hero.play_events({ play_sid });
    expect(items.filter(({ type }) => type === 'diverged')).toHaveLength(1);
  }, 60_000);

  it('runs 10,000 items in one fan-out', async () => {
    const items = mode === 'plainly' ? 10_000 : 300;
    const output = await runner.output(`
@flow(name="double")
def double(n):
    return 2 * n

@flow
def main():
    return sum(flow.map(double, range(${items})))
`);
    expect(output).toBe(items * (items - 1));
  }, 90_000);

  it('without memory runs again in each replay, and the steps that it calls are remembered', async () => {
    const path = `${runner.folder}/light-${mode.length}`;
    const play_sid = await runner.start(
      `
@flow(name="inner")
def inner(path):
    open(path + "-inner", "a").write("x")
    return flow.random()

@flow(name="light", memo=False)
def light(path):
    open(path, "a").write("x")
    return inner(path)

@flow
def main(path):
    return [light(path), flow.pause("go on"), light(path)]
`,
      { path },
    );
    await runner.waiting(play_sid);
    await runner.answer(play_sid, 'go on');
    const [first, , second] = (await runner.ended(play_sid)).output_data as number[];
    expect(first).not.toBe(second);
    expect(await readFile(`${path}-inner`, 'utf8')).toBe('xx');
    expect((await readFile(path, 'utf8')).length).toBeGreaterThanOrEqual(3);
  }, 60_000);
});
