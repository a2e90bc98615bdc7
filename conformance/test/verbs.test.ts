/** Operations on plays: cancel, retry, fork, find; and waiting plays when a newer version becomes current. */
import { readFile, writeFile } from 'node:fs/promises';
import { until } from '@hero/testing';
import { MODES, type Play, FlowRunner } from './flow-runner.js';

let runner: FlowRunner;

describe.each(MODES)('a play, %s', (mode, env) => {
  beforeAll(async () => {
    runner = await FlowRunner.open({ executors: 1, slots: 8, env });
  }, 60_000);
  afterAll(async () => await runner?.[Symbol.asyncDispose](), 60_000);

  const touch = async (path: string): Promise<void> => {
    await writeFile(path, '');
  };
  const children = async (sid: string): Promise<Play[]> =>
    (await runner.hero.play_list({ parent_play_sid: sid, limit: 500 })).items.reverse();

  it('is retried with its fan-out: successful items stay, each failed item runs again, with all its tries', async () => {
    const path = `${runner.folder}/members-${mode.length}`;
    const play_sid = await runner.start(
      `
@flow(name="member", retries=1, retry_delay=0.01)
def member(n, path):
    with open(f"{path}-{n}", "a") as out:
        out.write("x")
    if n % 2 and not os.path.exists(path):
        raise ValueError(f"member {n}")
    return random.random()

@flow(name="all of them")
def members(path):
    return flow.map(partial(path), range(4))

def partial(path):
    @flow(name="one")
    def one(n):
        return member(n, path)
    return one

@flow
def main(path):
    return members(path)
`,
      { path },
    );
    expect(await runner.ended(play_sid)).toMatchObject({ status: 'failed', error: { type: 'ValueError' } });
    const before = (await runner.hero.play_status({ play_sid, include: ['step_outputs'] })).step_outputs ?? [];
    const values = before.filter(({ name, kind }) => name === 'member' && kind === 'value').map(({ output }) => output);
    expect(values).toHaveLength(2);
    await touch(path);
    await runner.hero.play_retry({ play_sid });
    const play = await runner.ended(play_sid);
    expect(play.status).toBe('success');
    const output = play.output_data as number[];
    expect([output[0], output[2]].sort()).toEqual([...values].sort());
    const tries = await Promise.all([0, 1, 2, 3].map(async (n) => (await readFile(`${path}-${n}`, 'utf8')).length));
    expect(tries).toEqual([1, 3, 1, 3]);
  }, 60_000);

  it('is retried with its children: failed ones are retried in place, successful ones stay', async () => {
    const path = `${runner.folder}/children-${mode.length}`;
    await runner.save(
      `
@flow(inputs={"n": {"type": "integer", "required": True}, "path": {"type": "string", "required": True}})
def main(n, path):
    if n == 2 and not os.path.exists(path):
        raise ValueError("the second child")
    return n * 10
`,
      `retried child ${mode}`,
    );
    const play_sid = await runner.start(
      `
@flow(name="spawned")
def spawned(n, path):
    return flow.invoke(${JSON.stringify(`retried child ${mode}`)}, spawn=True, n=n, path=path)

@flow
def main(path):
    return [spawned(1, path), spawned(2, path), spawned(3, path)]
`,
      { path },
    );
    expect(await runner.ended(play_sid)).toMatchObject({ status: 'failed', error: { type: 'ChildFailed' } });
    const before = await children(play_sid);
    expect(before.map(({ status }) => status)).toEqual(['success', 'failed']);
    await touch(path);
    await runner.hero.play_retry({ play_sid });
    expect(await runner.ended(play_sid)).toMatchObject({ status: 'success', output_data: [10, 20, 30] });
    const after = await children(play_sid);
    expect(after.map(({ sid, status }) => [sid, status])).toEqual([
      [before[0]?.sid, 'success'],
      [before[1]?.sid, 'success'],
      [after[2]?.sid, 'success'],
    ]);
  }, 60_000);

  it('is forked from a step: earlier commits are kept, also with edited input and on another version', async () => {
    const source = (third: string): string => `
@flow(name="first")
def first():
    return random.random()

@flow(name="second")
def second():
    return random.random()

@flow(name="third")
def third(label):
    return "${third} " + label

@flow(name="forked", inputs={"label": {"type": "string", "required": True}})
def main(label):
    return [first(), second(), third(label)]
`;
    const workflow = await runner.save(source('old'));
    const { sid } = await runner.hero.play_start({ workflow_sid: workflow.sid, input_data: { label: 'a' } });
    const play = await runner.ended(sid);
    const [one, two] = play.output_data as [number, number, string];
    const span = async (name: string): Promise<string> =>
      (await runner.spans(sid)).find((found) => found.name === name)?.id ?? '';

    const same = await runner.hero.play_fork({
      play_sid: sid,
      from_span_id: await span('third'),
      input_data: { label: 'b' },
    });
    expect((await runner.ended(same.sid)).output_data).toEqual([one, two, 'old b']);
    expect(same.forked_from).toMatchObject({ play_sid: sid, kept: 2 });

    const middle = await runner.hero.play_fork({ play_sid: sid, from_span_id: await span('second') });
    const again = (await runner.ended(middle.sid)).output_data as [number, number, string];
    expect(again[0]).toBe(one);
    expect(again[1]).not.toBe(two);

    const version = await runner.version(workflow, source('new'));
    const moved = await runner.hero.play_fork({ play_sid: sid, version_sid: version.sid });
    expect((await runner.ended(moved.sid)).output_data).toEqual([one, two, 'new a']);
    expect(moved.forked_from?.steps).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'first', kept: true }),
        expect.objectContaining({ name: 'third', kept: false, reason: expect.stringContaining('source') }),
      ]),
    );
    expect((await runner.hero.play_status({ play_sid: sid })).output_data).toEqual(play.output_data);
  }, 60_000);

  it('that waits keeps its version, shows that there is a newer one, and can be started again on that', async () => {
    const source = (n: number): string => `\n@flow\ndef main():\n    return [${n}, flow.pause("go on")]\n`;
    const workflow = await runner.save(source(1));
    const { sid: play_sid } = await runner.hero.play_start({ workflow_sid: workflow.sid });
    const waiting = await runner.waiting(play_sid);
    expect(waiting.current_version_sid).toBe(waiting.version_sid);
    const version = await runner.version(workflow, source(2));
    const moved = await runner.hero.play_status({ play_sid });
    expect(moved).toMatchObject({ version_sid: workflow.current_version_sid, current_version_sid: version.sid });
    const [root] = await runner.spans(play_sid);
    const fresh = await runner.hero.play_fork({ play_sid, from_span_id: root?.id, version_sid: version.sid });
    expect(fresh.forked_from).toMatchObject({ kept: 0 });
    for (const [sid, n] of [
      [play_sid, 1],
      [fresh.sid, 2],
    ] as const) {
      await runner.waiting(sid);
      await runner.answer(sid, 'go on', 'yes');
      expect((await runner.ended(sid)).output_data).toEqual([n, 'yes']);
    }
  }, 60_000);

  it('is cancelled in every state: pending, running, paused, in a sleep, with children', async () => {
    const cancelled = async (play_sid: string): Promise<void> => {
      await runner.hero.play_cancel({ play_sid });
      expect((await runner.ended(play_sid)).status).toBe('cancelled');
      await expect(runner.hero.play_cancel({ play_sid })).rejects.toMatchObject({ code: 'INVALID_STATE' });
    };
    const running = await runner.start('\n@flow\ndef main():\n    print("here")\n    time.sleep(100)\n');
    await until(async () => (await runner.spans(running)).some(({ logs }) => logs.length > 0), { within: 10_000 });
    await cancelled(running);
    const paused = await runner.start('\n@flow\ndef main():\n    flow.pause("never")\n');
    await runner.waiting(paused);
    await cancelled(paused);
    const asleep = await runner.start('\n@flow\ndef main():\n    flow.sleep(1000)\n');
    await until(async () => (await runner.hero.play_status({ play_sid: asleep })).waits.length > 0, { within: 10_000 });
    await cancelled(asleep);
    const idle = await runner.save('\n@flow\ndef main():\n    return 1\n');
    for (const executor of runner.street.liveExecutors()) await executor.end();
    await cancelled((await runner.hero.play_start({ workflow_sid: idle.sid })).sid);
    await runner.street.startExecutor();
  }, 60_000);
});
