/** Waits: several questions at once, timers that survive everything, signed links. */
import { until } from '@hero/testing';
import { postTo } from '../src/post.js';
import { MODES, FlowRunner } from './flow-runner.js';

let runner: FlowRunner;

const post = (path: string, body: string) => postTo(runner.street.adminSocket, path, body);

describe.each(MODES)('a wait, %s', (mode, env) => {
  beforeAll(async () => {
    runner = await FlowRunner.open({ executors: 2, slots: 8, env, ownPostgres: true });
  }, 60_000);
  afterAll(async () => await runner?.[Symbol.asyncDispose](), 60_000);

  it('a set is iterated in one order by every executor: a map over it runs no step again after a takeover', async () => {
    const play_sid = await runner.start(`
@flow(name="effect")
def effect(word):
    return random.random()

@flow
def main():
    words = {f"word {n}" for n in range(12)}
    before = flow.map(effect, words)
    flow.pause("stop")
    return [before, flow.map(effect, words), list(words)]
`);
    await runner.waiting(play_sid);
    await runner.replaceExecutors();
    await runner.answer(play_sid, 'stop');
    const play = await runner.ended(play_sid);
    expect(play).toMatchObject({ status: 'success', diverged: null });
    const [steps] = await runner.street.sql<{ times: number }>(
      `SELECT count(*)::int AS times FROM registry.steps WHERE play_sid = $1 AND name = 'effect'`,
      [play_sid],
    );
    expect(steps).toEqual({ times: 24 });
  }, 60_000);

  it.each([
    ['flow.map', 'def', '', 'flow.map(branch, [1, 2, 3])'],
    ['asyncio.gather', 'async def', 'await ', 'await asyncio.gather(branch(1), branch(2), branch(3))'],
  ])(
    'of three branches of %s is answered 2-3-1 with the executor killed in between; each step ran once',
    async (_, def, awaits, call) => {
      const play_sid = await runner.start(`
@flow(name="draw")
${def} draw(n, when):
    return random.random()

@flow(name="branch")
${def} branch(n):
    before = ${awaits}draw(n, "before")
    answer = ${awaits}flow.pause(f"stop {n}")
    return [before, answer, ${awaits}draw(n, "after")]

@flow
${def} main():
    return ${call}
`);
      const first = await runner.waiting(play_sid, 3);
      const drawn = (first.step_outputs ?? []).map(({ output }) => output);
      expect(drawn).toHaveLength(3);
      for (const [index, n] of [2, 3, 1].entries()) {
        await runner.answer(play_sid, `stop ${n}`, n * 10);
        await runner.replaceExecutors();
        if (index < 2) await runner.waiting(play_sid, 2 - index);
      }
      const play = await runner.ended(play_sid);
      const rows = play.output_data as [number, number, number][];
      expect(rows.map(([, answer]) => answer)).toEqual([10, 20, 30]);
      expect(rows.map(([before]) => before).sort()).toEqual([...drawn].sort());
      const steps = await runner.street.sql<{ name: string; times: number }>(
        `SELECT name, count(*)::int AS times FROM registry.steps WHERE play_sid = $1 GROUP BY name ORDER BY name`,
        [play_sid],
      );
      expect(steps).toEqual([
        { name: 'branch', times: 3 },
        { name: 'draw', times: 6 },
      ]);
    },
    120_000,
  );

  it('flow.sleep goes through a restart of registry, NATS, PostgreSQL and executors', async () => {
    const play_sid = await runner.start(`
@flow
def main():
    began = flow.now()
    flow.sleep(6)
    return (flow.now() - began).total_seconds()
`);
    const asleep = async (): Promise<boolean> => {
      const play = await runner.hero.play_status({ play_sid });
      return play.status === 'awaiting_resume' && play.waits[0]?.kind === 'timer';
    };
    await until(asleep, { within: 20_000, what: 'the sleep' });
    await runner.street.processes.get('registry')?.kill();
    await runner.street.postgres?.restart();
    await runner.street.nats.restart();
    await Promise.all([runner.street.startService('registry'), runner.replaceExecutors()]);
    const play = await runner.ended(play_sid);
    expect(play.status).toBe('success');
    expect(play.output_data).toBeGreaterThanOrEqual(5.9);
  }, 90_000);

  it('beside work ends when it would have ended without the kill: before shorter work that began after it', async () => {
    const play_sid = await runner.start(`
@flow
async def work():
    await asyncio.sleep(3)

@flow
async def main():
    order = []

    async def early():
        await flow.sleep(12)
        order.append("began before")

    async def late():
        await work()
        await flow.pause("go")
        await asyncio.sleep(10)  # nothing is asked meanwhile: the registry has to say that the timer ended
        order.append("began after")

    async def works():
        while len(order) < 2:
            await asyncio.sleep(0.05)

    await asyncio.gather(early(), late(), works())
    return order
`);
    const asked = async (): Promise<boolean> => {
      const { status, pending_resumes } = await runner.hero.play_status({ play_sid });
      return status === 'running' && pending_resumes.length === 1;
    };
    await until(asked, { within: 20_000, what: 'the question' });
    await runner.replaceExecutors();
    await until(async () => (await runner.hero.play_status({ play_sid })).status === 'running', {
      within: 20_000,
      what: 'the next attempt',
    });
    await runner.answer(play_sid, 'go');
    expect((await runner.ended(play_sid)).output_data).toEqual(['began before', 'began after']);
  }, 90_000);

  it('is answered once by a signed link, also before the question is asked', async () => {
    const source = `
@flow
def main(late):
    link = flow.webhook("paid")
    flow.current_span.tag("link", link)
    if late:
        flow.pause("first")
    return flow.pause("paid", schema={"type": "object", "required": ["amount"]})
`;
    const link = async (play_sid: string): Promise<string> => {
      const found = async () => (await runner.spans(play_sid))[0]?.tags.link;
      return String(await until(found, { within: 10_000, what: 'the link' }));
    };
    const asked = await runner.start(source, { late: false });
    await runner.waiting(asked);
    const path = await link(asked);
    expect(path).toMatch(/^\/hooks\/resume\/[\w.~-]+$/);
    expect((await post(path.slice(0, -2), '{"amount": 1}')).status).toBe(404);
    expect((await post(path, '{"sum": 1}')).status).toBe(404);
    expect(await post(path, '{"amount": 1}')).toMatchObject({ status: 200, json: { ok: true, kept: false } });
    expect(await post(path, '{"amount": 2}')).toMatchObject({ status: 404 });
    expect((await runner.ended(asked)).output_data).toEqual({ amount: 1 });

    const early = await runner.start(source, { late: true });
    await runner.waiting(early);
    expect(await post(await link(early), '{"amount": 3}')).toMatchObject({ status: 200, json: { kept: true } });
    await runner.answer(early, 'first');
    expect((await runner.ended(early)).output_data).toEqual({ amount: 3 });
  }, 60_000);

  it('is answered by a link that a remembered call made, before it is asked or after', async () => {
    const source = `
@flow
def request_payment():
    return flow.webhook("paid")

@flow
def main():
    flow.current_span.tag("link", request_payment())
    flow.pause("first")
    return flow.pause("paid")
`;
    for (const early of [true, false]) {
      const play_sid = await runner.start(source);
      await runner.waiting(play_sid);
      const found = async () => (await runner.spans(play_sid))[0]?.tags.link;
      const link = String(await until(found, { within: 10_000, what: 'the link' }));
      if (early) expect(await post(link, '1')).toMatchObject({ status: 200, json: { kept: true } });
      await runner.answer(play_sid, 'first');
      if (!early) {
        await until(async () => (await runner.waiting(play_sid)).pending_resumes[0]?.name === 'paid', {
          within: 10_000,
          what: 'the question',
        });
        expect(await post(link, '1')).toMatchObject({ status: 200, json: { kept: false } });
      }
      expect((await runner.ended(play_sid)).output_data).toBe(1);
      expect((await post(link, '2')).status).toBe(404);
    }
  }, 60_000);

  it('of a fan-out takes a prefilled sequence in the order of the branches, exact names before globs', async () => {
    const workflow = await runner.save(`
@flow(name="ask")
def ask(n):
    return flow.pause("pick" if n < 3 else "other")

@flow
def main():
    return flow.map(ask, range(5))
`);
    const { sid } = await runner.hero.play_start({
      workflow_sid: workflow.sid,
      prefill_resumes: { pick: ['a', 'b', 'c'], '*': ['d', 'e'] },
    });
    expect((await runner.ended(sid)).output_data).toEqual(['a', 'b', 'c', 'd', 'e']);
  }, 60_000);

  it('that times out is answered by its default, or raised where it waited', async () => {
    const output = await runner.output(`
@flow
def main():
    first = flow.pause("a", timeout=0.3, default="nobody")
    try:
        flow.pause("b", timeout=0.3)
    except TimeoutError as error:
        return [first, type(error).__name__]
`);
    expect(output).toEqual(['nobody', 'PauseTimeout']);
  }, 60_000);

  it('until a time is a timer, too', async () => {
    const output = await runner.output(`
from datetime import timedelta
@flow
def main():
    began = flow.now()
    flow.sleep_until(began + timedelta(seconds=2.5))
    return (flow.now() - began).total_seconds()
`);
    expect(output).toBeGreaterThanOrEqual(2.4);
  }, 60_000);

  it('of a play with prefilled answers fails at once where none is left, until somebody answers by hand', async () => {
    const { sid: workflow_sid } = await runner.save(`
@flow
def main(asks):
    return [flow.pause(name) for name in asks]
`);
    const play = (asks: string[]): Promise<{ sid: string }> =>
      runner.hero.play_start({ workflow_sid, input_data: { asks }, prefill_resumes: { first: [1] } });
    const failed = await runner.ended((await play(['first', 'second'])).sid);
    expect(failed).toMatchObject({ status: 'failed', prefill_only: true });
    expect(failed.error?.message).toContain('second');
    const { sid } = await play(['first', 'by hand', 'asked']);
    await runner.answer(sid, 'by hand', 2);
    await runner.waiting(sid);
    expect(await runner.hero.play_status({ play_sid: sid })).toMatchObject({ prefill_only: false });
    await runner.answer(sid, 'asked', 3);
    expect((await runner.ended(sid)).output_data).toEqual([1, 2, 3]);
  }, 60_000);
});
