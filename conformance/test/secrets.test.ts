/**
 * Plays that say a secret in every way they can; then everything that the system keeps, logs, sends and answers is searched for it.
 *
 * What cannot be seen (docs/secrets.md) is not tried: a value that was compressed, encrypted, reversed or spread over lines.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TempFolder, tempFolder, until } from '@hero/testing';
import { connectBus, type Bus } from '@hero/bus';
import { FlowRunner, type Play } from './flow-runner.js';

const CANARY = 'cnry7f3a91b2/cnry55e0+c4dd=9a01e7';
const OF_THE_BROKER = 'brkr0d41e6c2-brkr77aa';
/** Parts of both, as they are and encoded. */
const NEEDLES = [CANARY, OF_THE_BROKER].flatMap((value) => {
  const bytes = Buffer.from(value);
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .slice(4, 16),
  );
  return [
    value.slice(0, 10),
    value.slice(-10),
    bytes.toString('hex').slice(0, 20),
    encodeURIComponent(value).slice(-12),
    ...base64,
  ];
});

let runner: FlowRunner;
let folder: TempFolder;
let bus: Bus;
const onTheBus: string[] = [];
const plays: Play[] = [];

/** Each is the body of a play with the secret in `key`, and the status that it ends with. */
const WAYS: Record<string, [body: string, status: string]> = {
  'prints, logs and tags': [
    `
import base64, json, logging, sys, urllib.parse, warnings
for text in (key, repr(key), json.dumps({"k": key}), urllib.parse.quote(key, safe=""), key.encode().hex()):
    print("print", text)
    flow.current_span.log(text)
for before in ("", "u", "us"):
    print("Basic", base64.b64encode(f"{before}{key}:x".encode()).decode(), base64.urlsafe_b64encode(f"{before}{key}".encode()).decode())
logging.error("logged %s", key)
warnings.warn(key)
sys.stderr.write(key)
flow.current_span.tag("tag", {"list": [key], key: 1})
flow.current_span.cost(0.1, **{key: 1, "note": key})
with flow.step("step " + key, tag=key):
    pass
return len(key)`,
    'success',
  ],
  'writes in pieces, beyond limits and in child processes': [
    `
import subprocess, sys
for part in range(0, len(key), 3):
    print(key[part:part + 3], end="", flush=True)
print()
print("x" * (64 * 1024 - 9) + key)
for part in range(0, len(key), 5):
    os.write(1, key[part:part + 5].encode())
    time.sleep(0.01)
os.write(1, b"\\n" + b"y" * (64 * 1024 - 9) + key.encode() + b"\\n")
subprocess.run([sys.executable, "-c", "import os, sys; os.write(2, os.environ['K'].encode()); print(sys.argv[1])", key], env={"K": key})
flow.current_span.tag("long", [key] * 5000)
os.write(2, key.encode())
return 1`,
    'success',
  ],
  'raises it in steps and catches it': [
    `
@flow(retries=1, retry_delay=0)
def fail(how):
    key = flow.secret("KEY")
    error = ValueError("https://user:" + key + "@host/?key=" + key)
    error.add_note("note " + key) if hasattr(error, "add_note") else None
    error.more = {"key": key}
    if how == "chain":
        raise LookupError("z" * 40_000 + key) from error
    if how == "failed":
        raise flow.Failed("no " + key, key=key)
    raise error
said = []
for how in ("chain", "failed", "plain"):
    try:
        fail(how)
    except Exception as error:
        said.append(str(error)[-40:])
ask_user.confirm("Go on?", name="go")
return said`,
    'success',
  ],
  'fails with it': ['raise RuntimeError(f"Bearer {key}")', 'failed'],
  'returns it': ['return {"deep": [key]}', 'failed'],
  'returns it from a step': [
    `
@flow
def step():
    return "Bearer " + flow.secret("KEY")
return step()`,
    'failed',
  ],
  'passes and asks it': [
    `
@flow
def step(a):
    return 1
def text(make):
    try:
        make()
    except Exception as error:
        return type(error).__name__
return [text(make) for make in (
    lambda: step(key), lambda: flow.pause("q", ui={"text": key}), lambda: flow.pause(key), lambda: ask_user.text(key, name="q"),
    lambda: flow.call("flow_library_search", query=key), lambda: flow.invoke("nothing", key=key),
    lambda: flow.invoke("nothing", spawn=True, key=key), lambda: flow.invoke(key), lambda: flow.map(step, [key]), lambda: flow.webhook(key),
)]`,
    'success',
  ],
  'shows it to instrumented clients': [
    `
from hero_tracing import instrument
class Client:
    def send(self, note, headers=None):
        return {"echo": note, "headers": headers}
    def fail(self, note):
        raise OSError("refused " + note)
client = instrument(Client())
client.send(key, headers={"X-Note": key})
try:
    client.fail(key)
except OSError:
    pass
try:
    instrument(Client(), memo=True).send(key)
except Exception as error:
    return type(error).__name__`,
    'success',
  ],
  'goes past the SDK': [
    `
from hero_tracing._secrets import redactor
from hero_tracing._session import active
redactor._pattern = None
@flow
def failing():
    raise ValueError(key)
try:
    failing()
except ValueError:
    pass
@flow
def step():
    return key
try:
    step()
except Exception:
    pass
print(key)
active().telemetry.emit('{"type":"' + key + '"}\\n')
active().telemetry.emit("w" * 70 + key + "\\n")
raise SystemError(key)`,
    'failed',
  ],
  'breaks the protocol with it': [
    `
from hero_tracing._session import active
active().lane._sock.sendall(("{" + "v" * 60 + key + "\\n").encode())
time.sleep(20)`,
    'failed',
  ],
  'leaves with it': ['import sys\nsys.exit("bye " + key)', 'failed'],
  'dies in a thread and by a signal': [
    `
import threading
thread = threading.Thread(target=lambda: 1 / len(key) and [][key])
thread.start()
thread.join()
os.write(2, ("last words " + key).encode())
os.abort()`,
    'failed',
  ],
};

const source = (body: string): string => `
@flow(secrets=["KEY", "AIBROKER_API_KEY"])
def main():
    key = flow.secret("KEY")
    print("of the broker", flow.secret("AIBROKER_API_KEY"))
${body.trim().replace(/^/gm, '    ')}
`;

beforeAll(async () => {
  folder = await tempFolder();
  const path = join(folder.path, 'secrets');
  await writeFile(path, `KEY=${CANARY}\n`, { mode: 0o600 });
  runner = await FlowRunner.open({
    slots: 8,
    env: { HERO_SECRETS_FILE: path, AIBROKER_API_KEY: OF_THE_BROKER, AIBROKER_URL: 'http://127.0.0.1:9/v1' },
  });
  bus = await connectBus({ url: runner.street.nats.url, name: 'canary' });
  bus.nc.subscribe('>', { callback: (_, message) => void onTheBus.push(Buffer.from(message.data).toString('latin1')) });
  await bus.flush();
}, 60_000);
afterAll(async () => {
  await bus?.drain();
  await runner?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
}, 60_000);

describe('a canary among the secrets', () => {
  it.each(Object.entries(WAYS))('a play that %s', async (_, [body, status]) => {
    const sid = await runner.start(source(body));
    if (body.includes('ask_user.confirm(')) {
      await runner.waiting(sid);
      await runner.answer(sid, 'go', true);
    }
    const play = await runner.ended(sid);
    expect([play.status, play.error]).toEqual([status, status === 'success' ? null : expect.anything()]);
    plays.push(play);
  });

  it('leaves its name where the value would have been', async () => {
    const spans = async (nth: number) => JSON.stringify(await runner.spans(plays[nth]?.sid ?? ''));
    await until(async () => (await spans(0)).split('(redacted: KEY)').length > 20);
    expect(await spans(0)).toContain('(redacted: AIBROKER_API_KEY)');
    const outputs = plays.map(({ output_data }) => output_data);
    expect(outputs[2]).toEqual(
      ['(redacted: KEY)', 'no (redacted: KEY)', expect.stringContaining('?key=(redacted: KEY)')].map((text) =>
        typeof text === 'string' && text === '(redacted: KEY)' ? expect.stringContaining(text) : text,
      ),
    );
    expect(outputs[6]).toEqual(
      Array(10).fill(expect.stringMatching(/^(ContainsSecret|Refused|FlowNotFound|CallFailed)$/)),
    );
    // biome-ignore format: one line of types
    expect(plays.map(({ error }) => error?.type ?? '')).toEqual([
      '',
      '',
      '',
      'RuntimeError',
      'ContainsSecret',
      'ContainsSecret',
      '',
      '',
      'SystemError',
      'ProtocolError',
      'ExitCode',
      'KilledBySignal',
    ]);
  });

  it('is in no answer of the gateway', async () => {
    const answers: unknown[] = [await runner.hero.play_list({}), await runner.hero.system_status({})];
    for (const { sid } of plays) {
      const include = ['spans', 'step_outputs', 'logs'] as const;
      answers.push(await runner.hero.play_status({ play_sid: sid, include: [...include] }));
      answers.push(
        await runner.hero.play_spans({ play_sid: sid }),
        await runner.hero.play_events({ play_sid: sid, limit: 500 }),
      );
    }
    expect(found(JSON.stringify(answers))).toEqual([]);
  });

  it('is in no row of the database', async () => {
    const tables = await runner.street.sql<{ name: string }>(
      `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
       WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
    );
    expect(tables.length).toBeGreaterThan(10);
    let rows = 0;
    for (const { name } of tables) {
      for (const { text } of await runner.street.sql<{ text: string }>(`SELECT one::text AS text FROM ${name} one`)) {
        // bytea is shown in hexadecimal digits
        const binary = [...text.matchAll(/\\x([0-9a-f]{16,})/g)].map(([, hex = '']) =>
          Buffer.from(hex, 'hex').toString('latin1'),
        );
        expect([name, found([text, ...binary].join('\n'))]).toEqual([name, []]);
        rows++;
      }
    }
    expect(rows).toBeGreaterThan(100);
  });

  it('was in no message on the bus, and is in no file: streams, logs, folders', async () => {
    expect(onTheBus.length).toBeGreaterThan(100);
    expect(onTheBus.flatMap(found)).toEqual([]);
    let bytes = 0;
    for (const root of [runner.street.nats.folder, runner.street.home]) {
      for (const path of await files(root)) {
        const text = await readFile(path, 'latin1');
        expect([path, found(text)]).toEqual([path, []]);
        bytes += text.length;
      }
    }
    expect(bytes).toBeGreaterThan(100_000);
  });
});

function found(text: string): string[] {
  return NEEDLES.filter((needle) => text.includes(needle));
}

async function files(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
