/** The two connections of a play: hostile frames, odd telemetry and floods of output. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@hero/testing';
import { openExecutors, type TestExecutors } from './test-executors.js';

let setup: TestExecutors;

beforeAll(async () => {
  setup = await openExecutors();
  await setup.executor({ HERO_SLOTS: '16' });
});
afterAll(async () => await setup[Symbol.asyncDispose]());

describe('what comes over a play’s connections', () => {
  const hostile: [string, string, string][] = [
    ['garbage', 'os.write(3, b"not json\\n")', 'not JSON'],
    ['an unknown frame', `os.write(3, b'{"t":"shutdown","id":1}\\n')`, 'not a frame'],
    ['a frame out of order', `os.write(3, b'{"t":"end","id":7,"status":"success","emitted":0}\\n')`, 'out of order'],
    ['bytes of no text', 'os.write(3, b"\\xff\\xfe\\x00\\n")', 'not JSON'],
    ['a frame of 35 MiB', 'socket.socket(fileno=3).sendall(b"x" * (35 << 20))', 'longer than'],
  ];
  test.each(hostile)(
    '%s: ends the play with an error that names it, and nothing beside it',
    async (_, code, message) => {
      const beside = await setup.registry.start('@flow\ndef main():\n    time.sleep(0.2)\n    return 1\n');
      const play = await setup.registry.start(`
@flow
def main():
    for fd in (3, 4): os.set_blocking(fd, True)
    ${code}
    time.sleep(60)
`);
      await setup.registry.is(play, 'failed');
      expect(play.exits).toEqual([
        expect.objectContaining({ kind: 'protocol', message: expect.stringContaining(message) }),
      ]);
      await setup.registry.is(beside, 'success');
    },
  );

  const odd: [string, string, string][] = [
    ['garbage', 'os.write(4, b"not json\\n")', 'is not JSON'],
    ['an unknown event', 'os.write(4, b"{}\\n")', 'is no event'],
    ['10,000 levels', 'os.write(4, b"[" * 10000 + b"\\n")', 'levels'],
    ['bytes of no text', 'os.write(4, b"\\xff\\xfe\\x00\\n")', 'is not JSON'],
    ['a line of 8 MiB', 'lane.sendall(b"x" * (8 << 20) + b"\\n")', 'more than 524288 bytes'],
  ];
  test.each(odd)('as telemetry, %s is counted, and the play goes on', async (_, code, message) => {
    const play = await setup.registry.start(`
@flow
def main():
    lane = socket.socket(fileno=os.dup(4))
    os.set_blocking(4, True)
    ${code}
    os.set_blocking(4, False)
    print("after", flush=True)
    return 1
`);
    await setup.registry.is(play, 'success', 20_000);
    const dropped = (): string[] =>
      play.events.flatMap((event) => (event.type === 'dropped' ? [String(event.reason)] : []));
    await until(async () => setup.registry.texts(play).includes('after') && dropped().length > 0);
    expect(dropped()).toEqual([expect.stringMatching(/^malformed: telemetry line \d+ /)]);
    expect(dropped()[0]).toContain(message);
    expect(play.events.filter(({ type }) => type === 'dropped')).toEqual([expect.objectContaining({ count: 1 })]);
  });

  test('telemetry without an end is never held, and the events that follow it are counted', async () => {
    const play = await setup.registry.start(`
@flow
def main():
    lane = socket.socket(fileno=os.dup(4))
    os.set_blocking(4, True)
    for _ in range(64): lane.sendall(b"x" * (1 << 20))
    return 1
`);
    await setup.registry.is(play, 'success', 20_000);
    await until(async () => play.events.some(({ type }) => type === 'dropped'));
    expect(play.exits).toEqual([]);
  });

  test('claims of another play have no effect: they are no part of a frame', async () => {
    const victim = await setup.registry.start('@flow\ndef main():\n    time.sleep(1)\n    return "mine"\n');
    const play = await setup.registry.start(`
@flow
def main():
    os.write(3, b'{"t":"end","id":1,"status":"success","emitted":0,"play_sid":"${victim.sid}","epoch":1}\\n')
    time.sleep(60)
`);
    await setup.registry.is(play, 'failed');
    expect(play.exits[0]).toMatchObject({ kind: 'protocol' });
    await setup.registry.is(victim, 'success');
    expect(victim.output).toBe('mine');
  });

  test('5 MiB in one line and a flood of lines are cut, and say so', async () => {
    const play = await setup.registry.start(`
@flow
def main():
    os.system("head -c 5242880 /dev/zero | tr '\\\\0' x; echo; seq 200000")
    return 1
`);
    await setup.registry.is(play, 'success', 20_000);
    await until(async () => setup.registry.texts(play).some((text) => text.includes('lines of output left out')));
    const long = setup.registry.texts(play).find((text) => text.startsWith('xxx')) ?? '';
    expect(long).toHaveLength(64 * 1024 + long.length - long.lastIndexOf('x') - 1);
    expect(long).toMatch(/… \(5177344 bytes more\)$/);
    expect(setup.registry.texts(play).length).toBeLessThan(10_000);
  });

  test('events carry no text that a database cannot store', async () => {
    const play = await setup.registry.start(`
@flow
def main():
    os.write(4, b'{"type":"log","at":"2026-11-21T00:00:00.000Z","span_id":null,"text":"nul \\\\u0000 lone \\\\ud800"}\\n')
    return 1
`);
    await setup.registry.is(play, 'success');
    await until(async () => setup.registry.texts(play).includes('nul \uFFFD lone \uFFFD'));
  });
});
