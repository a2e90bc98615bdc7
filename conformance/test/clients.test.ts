/** `instrument` and `ai()` in real plays: the vendors' clients in the sandbox, through the executor's proxy, against servers that speak their protocols. */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { shapes } from '@hero/openrpc';
import { AsyncDisposableStack, tempFolder, until } from '@hero/testing';
import { FlowRunner } from './flow-runner.js';
import { type PythonServer, pythonWithClients, serve, serveScript } from './python-server.js';

const ROOT = resolve(import.meta.dirname, '../..');
const KEY = 'k-of-the-broker-19f2';
const USAGE = { prompt_tokens: 1000, completion_tokens: 250 };
const COST = 0.002;
const SCRIPT = {
  api_key: KEY,
  replies: [
    { when: { last: 'too much' }, error: { status: 429, message: 'slow down' } },
    { when: { last: 'break' }, content: 'one two three', cut_after: 2 },
    { when: { last: 'tools' }, tool_calls: [{ name: 'weather', arguments: { city: 'Oslo' } }], usage: USAGE },
    { content: 'Hello there.', usage: USAGE },
  ],
};
const ASK = `
import anthropic, httpx, openai
from hero_tracing import ai, instrument

PRICES = {"scripted-model": {"input": 1, "output": 4}}

def ask(text):
    return {"messages": [{"role": "user", "content": text}]}
`;

const stack = new AsyncDisposableStack();
let runner: FlowRunner;
let broker: PythonServer;
let messages: PythonServer;

beforeAll(async () => {
  const python = pythonWithClients();
  const folder = stack.use(await tempFolder()).path;
  await writeFile(join(folder, 'script.json'), JSON.stringify(SCRIPT));
  await writeFile(join(folder, 'secrets'), `AIBROKER_API_KEY=${KEY}\n`, { mode: 0o600 });
  broker = stack.use(await serveScript(python, join(folder, 'script.json')));
  messages = stack.use(await serve(python, join(ROOT, 'sdk-python/tests/anthropic_server.py')));
  runner = stack.use(
    await FlowRunner.open({
      slots: 4,
      env: {
        HERO_PYTHON: python,
        HERO_EGRESS: `public,${new URL(messages.url).host}`, // the broker's address counts as named
        HERO_PRELOAD: 'anthropic,httpx,openai',
        HERO_SECRETS_FILE: join(folder, 'secrets'),
        AIBROKER_URL: broker.url,
        AIBROKER_MODEL: 'any-model',
      },
    }),
  );
}, 180_000);
afterAll(async () => await stack[Symbol.asyncDispose](), 60_000);

async function rpcs(play_sid: string): Promise<shapes.Span[]> {
  return (await runner.spans(play_sid)).filter(({ kind }) => kind === 'rpc');
}
const shown = (spans: shapes.Span[]): unknown[] =>
  spans.map(({ name, status, cost_usd, usage, error }) => [
    name,
    status,
    cost_usd,
    usage?.['input_tokens'] ?? null,
    error?.type ?? null,
  ]);

describe('the clients of language models in a play', () => {
  it('ask with the key as a secret; cost and tokens are in the tree, a failed call is a failed span', async () => {
    const sid = await runner.start(`${ASK}
@flow(secrets=["AIBROKER_API_KEY"])
def main():
    client = ai(prices=PRICES, max_retries=0)
    said = [client.chat.completions.create(**ask("hello")).choices[0].message.content]
    said.append(client.chat.completions.create(**ask("tools")).choices[0].message.tool_calls[0].function.arguments)
    stream = client.chat.completions.create(**ask("hello"), stream=True, stream_options={"include_usage": True})
    said.append("".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices))
    for text in ("too much", "break"):
        try:
            list(client.chat.completions.create(**ask(text), stream=text == "break"))
        except (openai.RateLimitError, openai.APIError, httpx.HTTPError) as error:
            said.append(type(error).__name__)
    return said
`);
    const play = await runner.ended(sid);
    expect(play.error).toBeNull();
    expect(play.output_data).toEqual([
      'Hello there.',
      '{"city": "Oslo"}',
      'Hello there.',
      'RateLimitError',
      expect.any(String),
    ]);
    const name = 'chat.completions.create';
    expect(shown(await rpcs(sid))).toEqual([
      [name, 'success', COST, 1000, null],
      [name, 'success', COST, 1000, null],
      [name, 'success', COST, 1000, null],
      [name, 'failed', 0, null, 'RateLimitError'],
      [name, 'failed', 0, null, expect.any(String)],
    ]);
    expect(play.total_cost_usd).toBeCloseTo(3 * COST);
    expect(JSON.stringify(await runner.spans(sid))).not.toContain(KEY);
  }, 60_000);

  it('answer once with memo=True, also when the executor is killed between two calls', async () => {
    const before = broker.log.length;
    const go = join(runner.folder, 'go');
    const sid = await runner.start(
      `${ASK}
@flow(secrets=["AIBROKER_API_KEY"])
async def main(go):
    client = ai(asynchronous=True, memo=True, prices=PRICES, max_retries=0)
    first = await client.chat.completions.create(**ask("hello"))
    stream = await client.chat.completions.create(**ask("stream"), stream=True, stream_options={"include_usage": True})
    words = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices]
    try:
        await client.chat.completions.create(**ask("too much"))
    except openai.RateLimitError as error:
        refused = [type(error).__module__, error.status_code]
    open(go + "-there", "a").close()
    while not os.path.exists(go):
        await asyncio.sleep(0.02)
    last = await client.chat.completions.create(**ask("last"))
    return [type(first).__name__, first.choices[0].message.content, "".join(filter(None, words)), refused, last.usage.total_tokens]
`,
      { go },
    );
    const steps = async (): Promise<number> =>
      (
        await runner.street.sql<{ n: number }>(`SELECT count(*)::int AS n FROM registry.steps WHERE play_sid = $1`, [
          sid,
        ])
      )[0]?.n ?? 0;
    await until(async () => (await steps()) === 3, { within: 30_000, what: 'three remembered calls' });
    await runner.replaceExecutors();
    await writeFile(go, '');
    const play = await runner.ended(sid);
    expect([play.error, play.attempt]).toEqual([null, 2]);
    expect(play.output_data).toEqual(['ChatCompletion', 'Hello there.', 'Hello there.', ['openai', 429], 1250]);
    expect(broker.log.slice(before)).toHaveLength(4);
    expect(play.total_cost_usd).toBeCloseTo(3 * COST);
    const statuses = (await runner.spans(sid))
      .filter(({ name }) => name === 'chat.completions.create')
      .map(({ status }) => status);
    expect(statuses.filter((status) => status === 'replayed').length).toBeGreaterThanOrEqual(3);
  }, 60_000);

  it('are those of other vendors, too, and plain HTTP', async () => {
    const sid = await runner.start(
      `${ASK}
@flow(secrets=["AIBROKER_API_KEY"])
def main(messages, broker):
    key = flow.secret("AIBROKER_API_KEY")
    claude = instrument(anthropic.Anthropic(base_url=messages, api_key=key, max_retries=0), prices={"claude-haiku-4-5": {"input": 1, "output": 5}})
    more = {"model": "claude-haiku-4-5", "max_tokens": 100}
    said = [claude.messages.create(**ask("hello"), **more).content[0].text]
    with claude.messages.stream(**ask("hello"), **more) as stream:
        said.append("".join(stream.text_stream))
    try:
        claude.messages.create(**ask("too much"), **more)
    except anthropic.RateLimitError as error:
        said.append(error.status_code)
    web = instrument(httpx.Client(base_url=broker, headers={"Authorization": "Bearer " + key}))
    said.append(web.get("models").json()["data"][0]["id"])
    said.append(web.get("nowhere").status_code)
    return said
`,
      { messages: messages.url, broker: broker.url },
    );
    const play = await runner.ended(sid);
    expect(play.error).toBeNull();
    expect(play.output_data).toEqual(['Hello there.', expect.any(String), 429, 'scripted-model', 404]);
    const spans = await rpcs(sid);
    expect(spans.map(({ name, status }) => [name, status])).toEqual([
      ['messages.create', 'success'],
      ['messages.stream', 'success'],
      ['messages.create', 'failed'],
      ['get', 'success'],
      ['get', 'success'],
    ]);
    expect(spans.slice(0, 2).every(({ cost_usd }) => cost_usd > 0)).toBe(true);
    expect(JSON.stringify(spans)).not.toContain(KEY);
  }, 60_000);
});
