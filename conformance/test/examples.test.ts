/** The drivers in examples/, each run as a reader runs it, and the generated Python clients, all against one system. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { HeroClient, unixTransport } from '@hero/openrpc';
import { Street } from '../src/street.js';
import { type PythonServer, pythonWithClients, serveScript } from './python-server.js';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'examples');
const DRIVERS = readdirSync(FOLDER).filter((name) => /^\d\d_\w+\.py$/.test(name));

let street: Street;
let broker: PythonServer;
beforeAll(async () => {
  const HERO_PYTHON = pythonWithClients();
  broker = await serveScript(HERO_PYTHON, join(FOLDER, '12_language_model.json'));
  const model = { AIBROKER_URL: broker.url, AIBROKER_API_KEY: 'key-of-the-example', AIBROKER_MODEL: 'scripted-model' };
  street = await Street.start({ slots: 4, env: { HERO_PYTHON, ...model } });
}, 180_000);
afterAll(async () => {
  await street?.[Symbol.asyncDispose]();
  await broker?.[Symbol.asyncDispose]();
}, 60_000);

/** Runs a Python program; warnings are errors, and every `assert` counts. */
async function python(...args: string[]): Promise<string> {
  const { NODE_OPTIONS: _, PYTHONOPTIMIZE: __, ...inherited } = process.env;
  const env = { ...inherited, HERO_HOME: street.home, PYTHONPATH: join(ROOT, 'sdk-python', 'src') };
  const ran = promisify(execFile)('python3', ['-B', '-W', 'error', ...args], { env, timeout: 60_000 });
  const { stdout } = await ran.catch((error: { stdout: string; stderr: string }) => {
    const log = street.liveExecutors()[0]?.log() ?? 'the executor has ended';
    throw new Error(`${args[0]} failed:\n${error.stdout}${error.stderr}${log}`);
  });
  return stdout;
}

/** A driver that ends with 0 has seen what it promises. */
test.each(DRIVERS)(
  '%s',
  async (name) => {
    expect(await python(join(FOLDER, name))).toMatch(/: (success|failed|cancelled), /);
  },
  90_000,
);

test('each driver is numbered without a hole, has assertions, and is explained in docs/examples.md', () => {
  const page = readFileSync(join(ROOT, 'docs', 'examples.md'), 'utf8');
  expect(DRIVERS.map((name) => Number(name.slice(0, 2)))).toEqual(DRIVERS.map((_, index) => index + 1));
  expect([...page.matchAll(/^## \[[^\]]+\]\(\.\.\/examples\/(\w+\.py)\)$/gm)].map(([, name]) => name)).toEqual(DRIVERS);
  for (const name of DRIVERS) expect(readFileSync(join(FOLDER, name), 'utf8')).toContain('        assert ');
});

test('the generated Python client drives every method of the runtime', async () => {
  const folder = join(street.home, 'var', 'clients');
  expect(await python(join(import.meta.dirname, 'every_method.py'), folder, street.rpcSocket)).toMatch(
    /^methods called: \d+$/m,
  );
}, 90_000);

test('clients in var/clients can be imported in every play, read-only, and used under instrument', async () => {
  await using hero = new Connected(street.rpcSocket);
  const cli = join(ROOT, 'apps', 'cli', 'bin', 'hero_logic.mjs');
  const shop = join(ROOT, 'libs', 'openrpc', 'test', 'shop.openrpc.json');
  const env = { ...process.env, HERO_HOME: street.home };
  await promisify(execFile)(process.execPath, [cli, 'client', '--openrpc', shop], { env });
  const { sid } = await hero.workflow_create({ name: 'uses clients', python_source: USES_CLIENTS });
  const { sid: play_sid } = await hero.play_start({ workflow_sid: sid });
  const play = await hero.play_wait({ play_sid, timeout_ms: 30_000 });
  expect([play.status, play.error?.message, play.output_data]).toEqual([
    'success',
    undefined,
    { names: ['tea'], known: true, refused: 'FORBIDDEN', writable: false },
  ]);
  const { spans } = await hero.play_spans({ play_sid });
  expect(spans.find(({ kind, name }) => kind === 'rpc' && name.includes('list_'))?.status).toBe('success');
}, 60_000);

class Connected extends HeroClient implements AsyncDisposable {
  constructor(socket: string) {
    super(unixTransport(socket));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

/** Without a network the shop is a function. */
const USES_CLIENTS = `
import json
import hero_logic_client
from hero_logic_client import HeroClient, HeroError
from hero_tracing import flow, instrument
from shop_client import ShopClient

def shop(body):
    call = json.loads(body)
    return json.dumps({"id": call["id"], "result": ["tea"] if call["method"] == "list" else None}).encode()

@flow(grants=["workflow_get"])
def main():
    hero = HeroClient(call=flow.call)
    try:
        hero.workflow_list()
        refused = None
    except HeroError as error:
        refused = error.code
    try:
        open(hero_logic_client.__file__, "a").close()
        writable = True
    except OSError:
        writable = False
    known = hero.workflow_get(name="uses clients")["name"] == "uses clients"
    return {"names": instrument(ShopClient(send=shop)).list_(), "known": known, "refused": refused, "writable": writable}
`;
