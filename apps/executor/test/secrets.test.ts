/** Secrets at a real executor: who gets them, when they are read, and what does not leave. The SDK's part: sdk-python/tests/test_secrets.py. */
import { chmod, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AsyncDisposableStack, tempFolder, until } from '@hero/testing';
import { SecretFault, SecretFile } from '../src/secrets/secret-file.js';
import type { FakePlay } from './fake-registry.js';
import { type ExecutorProcess, openExecutors, type TestExecutors } from './test-executors.js';

const KEY = 'sk-canary/7f3a+91b2';
const stack = new AsyncDisposableStack();
let setup: TestExecutors;
let executor: ExecutorProcess;
let folder: string;
let path: string;

beforeAll(async () => {
  folder = stack.use(await tempFolder()).path;
  path = join(folder, 'secrets');
  await keep(`API_KEY=${KEY}\n`);
  setup = stack.use(await openExecutors());
  executor = await setup.executor({
    HERO_SLOTS: '4',
    HERO_SECRETS_FILE: path,
    AIBROKER_URL: 'http://127.0.0.1:9/v1',
    AIBROKER_API_KEY: 'sk-of-the-broker',
  });
});
afterAll(async () => await stack[Symbol.asyncDispose]());

/** As an editor does it: a new file takes the place of the old one. */
async function keep(text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

const asking = (name: string): string => `
@flow
def main():
    return len(flow.secret("${name}"))
`;
const started = (source: string, secrets: string[] = []): Promise<FakePlay> =>
  setup.registry.start(source, { options: { secrets } });

async function ended(source: string, secrets: string[] = []): Promise<FakePlay> {
  const play = await started(source, secrets);
  await until(async () => ['success', 'failed'].includes(play.status));
  return play;
}

describe('a play', () => {
  test('gets the secrets that its version declares, as the file has them now', async () => {
    expect((await ended(asking('API_KEY'), ['API_KEY'])).output).toBe(KEY.length);
    await keep(`API_KEY=${KEY}\nPASSWORD="two words and more"\n`);
    expect((await ended(asking('PASSWORD'), ['PASSWORD'])).output).toBe(18);
  });

  test('gets no other one', async () => {
    const play = await ended(asking('API_KEY'), ['PASSWORD']);
    expect(play.error).toMatchObject({ type: 'SecretUnavailable' });
    expect(play.error?.message).toContain('@flow(secrets=["PASSWORD", "API_KEY"])');
  });

  test('fails with the name and the remedy where there is none', async () => {
    const play = await ended(asking('NOWHERE'), ['NOWHERE']);
    expect(play.error?.message).toBe(
      'There is no secret NOWHERE: add the line NOWHERE=… to HERO_SECRETS_FILE of the executor, which reads it again by itself.',
    );
  });

  test('gets nothing from a file that others may read, until it is closed to them', async () => {
    await chmod(path, 0o640);
    expect((await ended(asking('API_KEY'), ['API_KEY'])).error?.message).toContain(`run: chmod 600 ${path}`);
    await chmod(path, 0o600);
    expect((await ended(asking('API_KEY'), ['API_KEY'])).status).toBe('success');
  });

  test('finds no secret in its environment, and where the language model is only when it asks', async () => {
    const play = await ended(
      `
@flow
def main():
    from hero_tracing._session import active
    told = active().lane.request("broker", "")
    return [told["url"], len(flow.secret("AIBROKER_API_KEY")), [name for name in os.environ if "SECRET" in name or "AI" in name]]
`,
      ['AIBROKER_API_KEY'],
    );
    expect(play.output).toEqual(['http://127.0.0.1:9/v1', 16, []]);
  });
});

describe('what passes by the SDK', () => {
  const raw = (how: string): string => `
@flow
def main():
    key = flow.secret("API_KEY")
    from hero_tracing._secrets import redactor
    from hero_tracing._session import active
    redactor._pattern = None  # as if the play redacted nothing
${how.replace(/^/gm, '    ')}
`;
  const heard = (play: FakePlay): string => JSON.stringify(play);

  test('is redacted in output, events, and the errors of steps and of the play', async () => {
    const play = await ended(
      raw(`
import subprocess
print("printed", key)
for part in (key[:5], key[5:]):
    os.write(1, part.encode())
os.write(1, b"\\n" + b"x" * (65536 - 7) + key.encode() + b"\\n")
subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write(sys.argv[1])", key])
active().telemetry.emit('{"type":"nonsense","text":"' + key + '"}\\n')
active().telemetry.emit('not json ' + "y" * 60 + key + '\\n')
@flow
def failing():
    raise LookupError(key)
try:
    failing()
except LookupError:
    pass
raise ValueError(key)`),
      ['API_KEY'],
    );
    expect(play.status).toBe('failed');
    expect(play.error?.message).toBe('(redacted: API_KEY)');
    await until(async () => setup.registry.texts(play).filter((text) => text.includes('(redacted')).length >= 4);
    for (const part of [KEY, KEY.slice(0, 7)]) expect(heard(play)).not.toContain(part);
  });

  test('is refused where it would be remembered or sent on', async () => {
    const tried = `
said = []
for kind, body in (
    ("call", {"method": "flow_library_search", "params": '{"query": "' + key + '"}'}),
    ("spawn", {"place": "p", "parent_place": "", "span_id": "s", "workflow_name": "w", "input": '{"a": "' + key + '"}'}),
    ("ask", {"questions": [{"place": "q", "span_id": "s", "name": key, "schema": None, "ui": None, "timeout_ms": None, "default": None}], "withdrawn": []}),
):
    said.append(active().lane.request(kind, __import__("json").dumps(body)[1:-1]).get("message", ""))
@flow
def step():
    return [key]
try:
    step()
except Exception as error:
    said.append(str(error))
return said`;
    const play = await ended(raw(tried), ['API_KEY']);
    expect(play.error?.message).toBeUndefined();
    expect(play.output).toEqual(Array(4).fill(expect.stringContaining('the secret API_KEY, which must not be stored')));
    expect(heard(play)).not.toContain(KEY);
  });

  test('is redacted also after the file has another value', async () => {
    const play = await started(
      raw(`
while not os.path.exists("go"):
    print("waits for the file")
    time.sleep(0.02)
print(key)`).replace('os.path.exists("go")', 'flow.secret("API_KEY") != key'),
      ['API_KEY'],
    );
    await until(async () => setup.registry.texts(play).includes('waits for the file'));
    await keep('API_KEY=another-value-2\n');
    await setup.registry.is(play, 'success');
    await until(async () => setup.registry.texts(play).includes('(redacted: API_KEY)'));
    expect(heard(play)).not.toContain(KEY);
  });

  test('reaches no log of the executor', async () => {
    const log = executor.log.join('');
    expect(log).toContain('API_KEY');
    for (const part of [KEY, 'another-value-2', 'sk-of-the-broker']) expect(log).not.toContain(part);
  });
});

describe('the file of secrets', () => {
  const read = async (text: string, mode = 0o600): Promise<Record<string, string>> => {
    const file = join(folder, 'one');
    await writeFile(file, text);
    await chmod(file, mode);
    return Object.fromEntries(new SecretFile(file).read());
  };

  test('has NAME=value lines, or one JSON object', async () => {
    expect(await read('# mine\n\nexport A = 12345678\nB="with \\"quotes\\"\\nand lines"\r\nC=a=b=c#d!\n')).toEqual({
      A: '12345678',
      B: 'with "quotes"\nand lines',
      C: 'a=b=c#d!',
    });
    expect(await read('{"A": "12345678"}')).toEqual({ A: '12345678' });
  });

  test.each([
    ['A=12345678\nB', 'line 2: there is no =; write NAME=value'],
    ['A=1234567', 'line 1: the value of A has fewer than 8 characters'],
    [`A=${'12345678'.repeat(1025)}`, 'line 1: the value of A is longer than 8 KiB'],
    ['A=12345678\nA=12345678', 'line 2: A stands there twice'],
    ['a-b=12345678', 'line 1: a name has letters, digits and _'],
    ['A="12345678', 'line 1: a value in double quotes must be a JSON string on one line'],
    ['{"A": 12345678}', 'the value of "A" must be a text'],
    ['{A: 12345678}', 'it begins with { and is not JSON'],
  ])('%j is refused with the line, and without what stands there', async (text, sentence) => {
    const fault = await read(text).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(SecretFault);
    expect((fault as Error).message).toContain(sentence);
    expect((fault as Error).message).not.toContain('12345678');
  });

  test('must be the executor’s alone, from the start on', async () => {
    await expect(read('A=12345678', 0o604)).rejects.toThrow('mode 0604 lets others read it');
    expect(() => new SecretFile(folder).read()).toThrow(SecretFault);
    expect(() => new SecretFile('/does/not/exist').read()).toThrow('make it, with mode 0600');
    await chmod(join(folder, 'one'), 0o644);
    await expect(setup.executor({ HERO_SECRETS_FILE: join(folder, 'one') })).rejects.toThrow('chmod 600');
  });
});
