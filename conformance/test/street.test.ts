/** The whole street: a flow is saved, played, seen live, paused, answered, replayed, and survives. */
import { readdir, readFile } from 'node:fs/promises';
import { connectBus } from '@hero/bus';
import { type NumberedBatch, type PlayEvent, playSpans } from '@hero/contracts';
import { HeroClient, type shapes, unixTransport } from '@hero/openrpc';
import { until } from '@hero/testing';
import { Street } from '../src/street.js';

type Play = shapes.Play;
let street: Street;
let hero: HeroClient;
/** Durable behaviour is tested twice: normally, and suspended and replayed after each commit. */
const MODES = [
  ['plainly', {}],
  ['replayed after each commit', { HERO_ALWAYS_REPLAY: '1' }],
] as const;

let saved = 0;
const save = async (python_source: string): Promise<string> =>
  (await hero.workflow_create({ name: `street ${++saved}`, python_source })).sid;
const start = async (workflow_sid: string, input_data: Record<string, shapes.Json> = {}): Promise<string> =>
  (await hero.play_start({ workflow_sid, input_data })).sid;
const settled = async (play_sid: string): Promise<Play> =>
  hero.play_wait({ play_sid, until: 'settled', timeout_ms: 20_000 });
const ended = async (play_sid: string): Promise<Play> => hero.play_wait({ play_sid, timeout_ms: 20_000 });

const GREET = `
from hero_tracing import ask_user, flow

@flow(name="shout")
def shout(word):
    flow.current_span.log(f"shouting {word}")
    return word.upper()

@flow(name="greet", inputs={"words": {"type": "array", "required": True}})
def main(words):
    loud = flow.map(shout, words)
    with flow.step("choose", count=len(loud)):
        pass
    picked = ask_user.choice("Which one?", options=loud)
    return {"picked": picked, "again": shout(picked)}
`;

describe.each(MODES)('a flow on the street, %s', (mode, env) => {
  const always = mode !== 'plainly';
  beforeAll(async () => {
    street = await Street.start({ executors: 2, slots: 8, env });
    hero = new HeroClient(unixTransport(street.rpcSocket));
  }, 60_000);
  afterAll(async () => {
    hero?.close();
    await street?.[Symbol.asyncDispose]();
  }, 60_000);

  it('is saved, played, paused without a process, answered, replayed and ends as one tree', async () => {
    const play_sid = await start(await save(GREET), { words: ['tea', 'coffee'] });
    const waiting = await settled(play_sid);
    expect(waiting).toMatchObject({ status: 'awaiting_resume', attempt: always ? expect.any(Number) : 1 });
    if (always) expect(waiting.attempt).toBeGreaterThan(1);
    const [question] = waiting.pending_resumes;
    expect(question).toMatchObject({ ui: { kind: 'choice' }, payload: null });
    // I11: no slot is held.
    expect((await hero.system_status()).services.filter((s) => s.name === 'executor').map((s) => s.busy)).toEqual([
      0, 0,
    ]);

    await expect(hero.play_resume({ play_sid, resume_id: question?.id, payload: 'MILK' })).rejects.toMatchObject({
      code: 'INVALID_PARAMS',
    });
    expect((await hero.play_status({ play_sid })).status).toBe('awaiting_resume');

    await hero.play_resume({ play_sid, resume_id: question?.id, payload: 'COFFEE' });
    const play = await ended(play_sid);
    expect(play).toMatchObject({
      status: 'success',
      attempt: always ? expect.any(Number) : 2,
      output_data: { picked: 'COFFEE', again: 'COFFEE' },
      error: null,
    });

    const { spans } = await hero.play_spans({ play_sid });
    const tree = spans.map((s) => [s.name, s.kind, s.status, s.attempt]);
    expect(tree).toEqual(
      expect.arrayContaining([
        ['greet', 'flow_root', 'success', play.attempt],
        ['choose', 'step', 'success', play.attempt],
      ]),
    );
    expect(
      spans
        .filter((s) => s.name === 'shout')
        .map((s) => s.status)
        .sort(),
    ).toEqual(['replayed', 'replayed', always ? 'replayed' : 'success']);
    expect(spans.find((s) => s.name === 'shout')?.logs.map((l) => l.text)).toEqual(['shouting tea']);
    expect(new Set(spans.map((s) => s.id)).size).toBe(spans.length);
    await expect(hero.play_resume({ play_sid, resume_id: question?.id, payload: 'TEA' })).rejects.toMatchObject({
      code: 'ALREADY_RESUMED',
      details: { resumed_at: expect.any(String) },
    });
  });

  it('has the same events in play_events, for a plain NATS subscriber and by SSE, numbered without a gap', async () => {
    const workflow = await save(GREET);
    const bus = await connectBus({ url: street.nats.url, name: 'watcher' });
    const heard: PlayEvent[] = [];
    const watch = await bus.follow('hero.play.*.spans', (data) => void heard.push(...(data as NumberedBatch).events));
    const { sid: play_sid } = await hero.play_start({
      workflow_sid: workflow,
      input_data: { words: ['a', 'b', 'c'] },
      prefill_resumes: { '*': 'B' },
    });
    const sent: shapes.PlayEvent[] = [];
    for await (const message of hero.follow(play_sid, { after_seq: 0 }))
      if (message.kind === 'event') sent.push(message.event);
    const { items } = await hero.play_events({ play_sid, limit: 10_000 });
    await bus.nc.flush();
    await watch.stop();
    await bus.drain();
    expect(items.map((e) => e.seq)).toEqual(items.map((_, i) => i + 1));
    expect(heard.filter((e) => e.play_sid === play_sid)).toEqual(items);
    expect(items.slice(-sent.length)).toEqual(sent);
    expect(items.at(-1)).toMatchObject({ type: 'status', status: 'success' });
    expect(playSpans(play_sid)).toBe(`hero.play.${play_sid}.spans`);
  });

  it('gives each of three gathered branches with equal calls its own value, paused and killed in between', async () => {
    const play_sid = await start(
      await save(`
import asyncio, random
from hero_tracing import ask_user, flow

@flow(name="draw")
async def draw():
    return random.random()

async def branch(n):
    first = await draw()
    await flow.pause(f"stop {n}")
    return [first, await draw()]

@flow(name="branches")
async def main():
    values = await asyncio.gather(branch(1), branch(2), branch(3))
    await ask_user.confirm("done?")
    return values
`),
    );
    const open = async (count: number): Promise<Play> => {
      for await (const message of hero.follow(play_sid)) {
        const play = await hero.play_status({ play_sid, include: ['step_outputs'] });
        if (play.status === 'awaiting_resume' && play.pending_resumes.length === count) return play;
        if (message.kind === 'end') throw new Error(JSON.stringify(message.play.error));
      }
      throw new Error('the stream ended');
    };
    const drawn = (play: Play): unknown[] => (play.step_outputs ?? []).map((step) => step.output);
    const first = await open(3);
    expect(new Set(drawn(first)).size).toBe(3);
    for (const [answered, name] of ['stop 2', 'stop 3', 'stop 1'].entries()) {
      await hero.play_resume({ play_sid, name, payload: null });
      const [victim] = street.liveExecutors();
      const [replacement] = await Promise.all([street.startExecutor(), victim?.kill()]);
      expect(replacement.alive).toBe(true);
      if (answered < 2) await open(2 - answered);
    }
    const last = await open(1);
    expect(last.pending_resumes[0]?.ui).toMatchObject({ kind: 'confirm' });
    expect(drawn(last)).toEqual(expect.arrayContaining(drawn(first)));
    await hero.play_resume({ play_sid, resume_id: last.pending_resumes[0]?.id, payload: true });
    const play = await ended(play_sid);
    const values = play.output_data as number[][];
    expect(values.map(([own]) => own).sort()).toEqual([...drawn(first)].sort());
    expect(new Set(values.flat()).size).toBe(6);
  }, 60_000);

  it('gives equal calls in a loop the same values in order after a pause and after a crash, and runs finally once', async () => {
    const workflow = await save(`
import random
from hero_tracing import flow

@flow(name="draw")
def draw():
    return random.random()

@flow(name="loop")
def main():
    try:
        values = [draw() for _ in range(5)]
        flow.current_span.tag("seen", values)
        flow.pause("once")
        flow.pause("twice")
        return values
    finally:
        print("finally")
`);
    const play_sid = await start(workflow);
    const paused = async (name: string): Promise<void> => {
      for await (const _ of hero.follow(play_sid)) {
        const play = await hero.play_status({ play_sid });
        if (play.status === 'awaiting_resume' && play.pending_resumes[0]?.name === name) return;
      }
    };
    await paused('once');
    const before = (await hero.play_status({ play_sid, include: ['step_outputs'] })).step_outputs?.map((s) => s.output);
    await hero.play_resume({ play_sid, name: 'once', payload: null });
    await paused('twice');
    await Promise.all(street.liveExecutors().map((executor) => executor.kill()));
    await hero.play_resume({ play_sid, name: 'twice', payload: null });
    await Promise.all([street.startExecutor(), street.startExecutor()]);
    const play = await ended(play_sid);
    expect(play.output_data).toEqual(before);
    const { items } = await hero.play_events({ play_sid });
    expect(items.filter((e) => e.type === 'log' && e.text === 'finally')).toHaveLength(1);
  }, 60_000);

  it('is cancelled in a loop that never calls a step, with everything it daemonised', async () => {
    const play_sid = await start(
      await save(`
import os, subprocess
from hero_tracing import flow

@flow(name="spin")
def main():
    subprocess.Popen(["sleep", "987654"], start_new_session=True)
    print("spinning")
    while True:
        pass
`),
    );
    for await (const message of hero.follow(play_sid)) {
      if (message.kind === 'snapshot' && message.spans.some((span) => span.logs.length > 0)) break;
      if (message.kind === 'event' && message.event.type === 'log') break;
    }
    await hero.play_cancel({ play_sid, reason: 'enough' });
    expect((await ended(play_sid)).status).toBe('cancelled');
    const daemons = async (): Promise<number> => {
      const lines = await Promise.all(
        (await readdir('/proc'))
          .filter((n) => /^\d+$/.test(n))
          .map((n) => readFile(`/proc/${n}/cmdline`, 'utf8').catch(() => '')),
      );
      return lines.filter((line) => line.includes('987654')).length;
    };
    await until(async () => (await daemons()) === 0, { within: 5_000, what: 'the end of the daemon' });
  });

  it('ranks a workflow found by its name before one found by its description', async () => {
    await hero.workflow_create({ name: 'tea kettle', description: 'boils water', python_source: GREET });
    await hero.workflow_create({ name: 'water works', description: 'has a kettle', python_source: GREET });
    const hits = await until(
      async () => {
        const found = await hero.flow_library_search({ query: 'KETTLE' });
        return found.length === 2 && found;
      },
      { within: 5_000, what: 'the index' },
    );
    expect(hits.map((hit) => hit.name)).toEqual(['tea kettle', 'water works']);
    expect(await hero.flow_library_search({ query: '  ' })).toEqual([]);
  });
});
