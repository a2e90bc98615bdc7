/** Sub-flows: in the play's own process, and as plays of their own. */
import { MODES, FlowRunner } from './flow-runner.js';

let runner: FlowRunner;

describe.each(MODES)('a sub-flow, %s', (_mode, env) => {
  beforeAll(async () => {
    runner = await FlowRunner.open({ executors: 2, slots: 8, env });
  }, 60_000);
  afterAll(async () => await runner?.[Symbol.asyncDispose](), 60_000);

  it('in process is a subflow span with its steps below it, and keeps its version although a new one became current', async () => {
    const inner = await runner.save(
      `
@flow(name="half")
def half(n):
    return n / 2

@flow(name="inner", inputs={"n": {"type": "number", "required": True}, "more": {"type": "number", "default": 1}})
def main(n, more):
    value = half(n) + more
    flow.pause("inside")
    return {"version": 1, "value": value}
`,
      'inner pinned',
    );
    const play_sid = await runner.start(`
@flow(name="outer")
def main():
    return flow.invoke("inner pinned", n=8)
`);
    await runner.waiting(play_sid);
    await runner.version(inner, '\n@flow\ndef main(n=0):\n    return {"version": 2}\n');
    await runner.replaceExecutors();
    await runner.answer(play_sid, 'inside');
    expect(await runner.ended(play_sid)).toMatchObject({
      status: 'success',
      output_data: { version: 1, value: 5 },
      diverged: null,
    });
    const spans = await runner.spans(play_sid);
    const subflow = spans.find((span) => span.kind === 'subflow');
    const half = spans.find((span) => span.name === 'half');
    expect(spans.find((span) => span.id === subflow?.parent_id)?.kind).toBe('flow_root');
    expect(half?.parent_id).toBe(subflow?.id);
    expect(['success', 'replayed']).toContain(subflow?.status);
  }, 60_000);

  it('spawned is a play of its own below the caller’s span: its output or its error comes back', async () => {
    await runner.save(
      `
@flow(name="child", inputs={"n": {"type": "integer", "required": True}})
def main(n):
    flow.current_span.cost(0.25)
    if n < 0:
        raise flow.Failed("too small", n=n)
    return {"twice": 2 * n}
`,
      'a child',
    );
    const play_sid = await runner.start(`
from hero_tracing import ChildFailed

@flow(name="parent")
def main():
    good = flow.invoke("a child", spawn=True, n=21)
    try:
        flow.invoke("a child", spawn=True, n=-1)
    except ChildFailed as error:
        bad = [str(error), error.status, error.error_type]
    return [good, bad]
`);
    const play = await runner.ended(play_sid);
    expect(play).toMatchObject({
      status: 'success',
      output_data: [{ twice: 42 }, [expect.stringContaining('too small'), 'failed', 'Failed']],
      total_cost_usd: 0.5,
      waits: [],
    });
    const { items } = await runner.hero.play_list({ parent_play_sid: play_sid });
    const [second, first] = items;
    expect(items.map(({ status }) => status)).toEqual(['failed', 'success']);
    const callers = (await runner.spans(play_sid)).filter(({ kind }) => kind === 'subflow');
    expect(callers.map(({ child_play_sid }) => child_play_sid)).toEqual([first?.sid, second?.sid]);
    expect(callers.map(({ status }) => status)).toEqual([expect.stringMatching(/success|replayed/), 'failed']);
    const [root] = await runner.spans(first?.sid ?? '');
    expect(root).toMatchObject({ kind: 'flow_root', parent_id: callers[0]?.id });
  }, 60_000);

  it('that is unknown, or gets invalid inputs, is an error with every fault, which the caller may catch', async () => {
    await runner.save(
      '\n@flow(inputs={"n": {"type": "integer", "required": True}})\ndef main(n):\n    return n\n',
      'strict child',
    );
    const output = await runner.output(`
@flow(name="parent")
def main():
    told = []
    for spawn in (False, True):
        for ask in ({"name": "nobody at all"}, {"name": "strict child", "n": "x", "m": 1}):
            inputs = dict(ask)
            try:
                flow.invoke(inputs.pop("name"), spawn=spawn, **inputs)
            except Exception as error:
                told.append([type(error).__name__, str(error)])
    return told
`);
    const told = output as [string, string][];
    expect(told).toHaveLength(4);
    expect(told[0]).toEqual(['FlowNotFound', expect.stringContaining('nobody at all')]);
    expect(told[2]).toEqual(['FlowNotFound', expect.stringContaining('nobody at all')]);
    for (const [, message] of [told[1] ?? [], told[3] ?? []]) {
      expect(message).toMatch(/\bn\b/);
      expect(message).toMatch(/\bm\b/);
    }
  }, 60_000);

  it('is cancelled with its parent, at any depth, also while it waits', async () => {
    await runner.save('\n@flow\ndef main():\n    return ask_user.confirm("Stop me?")\n', 'leaf that waits');
    await runner.save('\n@flow\ndef main():\n    return flow.invoke("leaf that waits", spawn=True)\n', 'middle');
    const play_sid = await runner.start('\n@flow\ndef main():\n    return flow.invoke("middle", spawn=True)\n');
    const below = async (sid: string) => (await runner.hero.play_list({ parent_play_sid: sid })).items[0];
    const { until } = await import('@hero/testing');
    const leaf = await until(
      async () => {
        const middle = await below(play_sid);
        const found = middle && (await below(middle.sid));
        return found?.status === 'awaiting_resume' && found;
      },
      { within: 20_000, what: 'the leaf’s question' },
    );
    expect((await runner.hero.play_status({ play_sid })).waits).toMatchObject([{ kind: 'child', name: 'middle' }]);
    await runner.hero.play_cancel({ play_sid, reason: 'enough' });
    for (const sid of [play_sid, (await below(play_sid))?.sid ?? '', leaf.sid]) {
      expect((await runner.ended(sid)).status).toBe('cancelled');
    }
    await expect(runner.hero.play_resume({ play_sid: leaf.sid, name: 'stop_me', payload: true })).rejects.toMatchObject(
      {
        code: 'INVALID_STATE',
      },
    );
  }, 60_000);
});

describe.each(MODES)('one slot, %s', (mode, env) => {
  beforeAll(async () => {
    runner = await FlowRunner.open({ executors: 1, slots: 1, env });
  }, 60_000);
  afterAll(async () => await runner?.[Symbol.asyncDispose](), 60_000);

  it('runs a chain of spawned children 50 deep', async () => {
    const chain = await runner.save(
      `
@flow(name="chain", inputs={"depth": {"type": "integer", "required": True}})
def main(depth):
    return 0 if depth == 0 else 1 + flow.invoke("the chain", spawn=True, depth=depth - 1)
`,
      'the chain',
    );
    const { sid } = await runner.hero.play_start({ workflow_sid: chain.sid, input_data: { depth: 50 } });
    const play = await runner.hero.play_wait({ play_sid: sid, timeout_ms: 100_000 });
    expect(play).toMatchObject({ status: 'success', output_data: 50 });
  }, 120_000);

  it('runs a fan-out of 100 spawned children, and the parent holds no process while it waits long', async () => {
    await runner.save(
      '\n@flow(inputs={"n": {"type": "integer", "required": True}})\ndef main(n):\n    return n * n\n',
      'squares',
    );
    const count = mode === 'plainly' ? 100 : 30;
    const play_sid = await runner.start(`
@flow(name="square")
def square(n):
    return flow.invoke("squares", spawn=True, n=n)

@flow(name="fan out")
def main():
    return sum(flow.map(square, range(${count}), max_workers=${count}))
`);
    const play = await runner.hero.play_wait({ play_sid, timeout_ms: 100_000 });
    expect(play).toMatchObject({ status: 'success', output_data: ((count - 1) * count * (2 * count - 1)) / 6 });
    expect((await runner.hero.play_list({ parent_play_sid: play_sid, limit: 500 })).items).toHaveLength(count);
  }, 120_000);
});
