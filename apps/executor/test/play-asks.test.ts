/** What a play asks while it works, and how it gets the answers. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@hero/testing';
import { openExecutors, type TestExecutors } from './test-executors.js';

let setup: TestExecutors;

beforeAll(async () => {
  setup = await openExecutors();
  await setup.executor({ HERO_SLOTS: '16' });
});
afterAll(async () => await setup[Symbol.asyncDispose]());

describe('what a play asks while it works', () => {
  const asking = (more: string) => `
import json
@flow
def main():
    lane = socket.socket(fileno=os.dup(3))
    lines = lane.makefile("rb")
    def say(**frame):
        lane.sendall(json.dumps(frame).encode() + b"\\n")
        return json.loads(lines.readline())
    question = {"place": "a" * 32, "span_id": "b" * 16, "name": "NAME", "schema": None, "ui": None, "timeout_ms": None, "default": None}
    heard = [say(t="ask", id=1, questions=[question])]
${more}
    say(t="end", id=3, status="success", output=json.dumps(heard), emitted=0)
    os._exit(0)
`;

  test('is recorded at once; it is told when something is answered, and takes it with its next ask', async () => {
    const play = await setup.registry.start(
      asking(`
    heard.append(json.loads(lines.readline()))
    heard.append(say(t="ask", id=2, withdrawn=["c" * 32]))
`).replace('NAME', 'beside work'),
    );
    await until(async () => play.asked.length === 1);
    await until(async () => play.events.some(({ type }) => type === 'asked'));
    setup.registry.answer(play, 'beside work', 7);
    await setup.registry.is(play, 'success');
    const taken = { place: 'a'.repeat(32), kind: 'answer', payload: '7' };
    expect(play.output).toEqual([
      { t: 'answers', id: 1, answers: [], more: false },
      { t: 'woken' },
      { t: 'answers', id: 2, answers: [taken], more: false },
    ]);
    expect(play.withdrawn).toEqual(['c'.repeat(32)]);
  });

  test('is recorded once though the replies are lost, and no answer is lost with them', async () => {
    setup.registry.loseAskReplies = 2;
    setup.registry.answers.set('lost reply', 'here');
    const play = await setup.registry.start(
      asking('    heard.append(say(t="ask", id=2))').replace('NAME', 'lost reply'),
    );
    await setup.registry.is(play, 'success');
    expect(play.output).toMatchObject([{ answers: [{ payload: '"here"' }] }, { answers: [] }]);
    expect(play.groupNo).toBe(2);
  });
});
