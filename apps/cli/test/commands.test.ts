/** The commands of the CLI against a running system, as the README shows them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SERVICES } from '@hero/contracts';
import { HeroClient, unixTransport } from '@hero/openrpc';
import { loadFlow } from '../src/library.js';
import { rpcSocket } from '../src/run-state.js';
import { type CliProcess, HeroHome } from './hero-home.js';

const HELLO = `
from hero_tracing import ask_user, flow

@flow(name="measure")
def measure(word):
    return len(word)

@flow(name="hello", description="Measures words and asks for a name.")
def main(words):
    lengths = flow.map(measure, words)
    name = ask_user.text("Whom?", name="whom")
    return {"message": f"{name}: {max(lengths)}"}
`;

let home: HeroHome;
let up: CliProcess;
let hero: HeroClient;

beforeAll(async () => {
  home = await HeroHome.make();
  up = home.start('up');
  await up.line(/^JSON-RPC/);
  hero = new HeroClient(unixTransport(rpcSocket(home.path)));
}, 120_000);
afterAll(async () => {
  hero?.close();
  await home?.[Symbol.asyncDispose]();
}, 120_000);

const ok = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await home.run(...args);
  if (code !== 0) throw new Error(`hero_logic ${args.join(' ')} ended with ${code}:\n${out}${err}`);
  return out + err;
};

describe('the CLI against a running system', () => {
  it('says, when it saves, which secrets and methods plays may use, and what is doubtful', async () => {
    const file = join(home.path, 'keys.py');
    const declared = '@flow(secrets=["API_KEY"], grants=["workflow_list"])';
    await writeFile(
      file,
      `from hero_tracing import flow\n${declared}\ndef keys() -> int:\n    return len(flow.secret("OTHER"))\n`,
    );
    const said = await ok('push', file);
    expect(said).toContain('its plays may use the secrets API_KEY\n');
    expect(said).toContain('its plays may use the methods workflow_list\n');
    expect(said).toContain(`${file}:4:16: OTHER is not declared`);
  }, 60_000);

  it('pushes a file, runs it to its question, answers it, and follows it to its end', async () => {
    const file = join(home.path, 'hello.py');
    await writeFile(file, HELLO);
    expect(await ok('push', file)).toMatch(/^hello: created, version 1/);
    expect(await ok('push', file)).toMatch(/^hello: unchanged/);
    const waiting = await ok('run', 'hello', '--input', 'words=["tea", "coffee"]');
    const [, sid = ''] = /resume (\S+) whom VALUE/.exec(waiting) ?? [];
    const follow = home.run('follow', sid);
    expect(await ok('resume', sid, 'whom', 'Ada')).toMatch(/^answered at/);
    const followed = await follow;
    expect(followed.out).toContain('hello success');
    expect(followed.code).toBe(0);
    expect((await hero.play_status({ play_sid: sid })).output_data).toEqual({ message: 'Ada: 6' });
  }, 60_000);

  it('takes inputs from a file and answers in advance', async () => {
    const inputs = join(home.path, 'inputs.json');
    await writeFile(inputs, '{"words": ["one"]}');
    const told = await ok('run', 'hello', '--json', inputs, '--prefill', 'whom=Bob', '--follow');
    expect(told).toContain('"message": "Bob: 3"');
  }, 60_000);

  it('cancels, finds, and shows how things are', async () => {
    const waiting = await ok('run', 'hello', '--input', 'words=["x"]');
    const [, sid = ''] = /resume (\S+) whom/.exec(waiting) ?? [];
    expect(await ok('cancel', sid, '--reason', 'enough')).toContain('hello cancelled');
    expect(await ok('search', 'measures', 'words')).toMatch(/^hello {2}/m);
    expect(await ok('status')).toMatch(/✓ {2}executor .*slots busy/);
    expect(await ok('info', 'registry')).toContain('hero.registry.play_start');
    const checked = await ok('infocheck');
    for (const name of SERVICES) expect(checked).toContain(`✓ ${name}`);
    expect(checked).not.toContain('only the files');
  }, 60_000);

  it('says in a sentence what is wrong, with exit code 1', async () => {
    const unknown = await home.run('run', 'no-such-flow');
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringMatching(/^NOT_FOUND: .*no-such-flow/)]);
    const twice = await home.run('up');
    expect([twice.code, twice.err]).toEqual([1, expect.stringContaining('already runs')]);
  }, 60_000);
});

describe('flows that ship', () => {
  const source = (word: string): string =>
    `from hero_tracing import flow\n\n@flow(name="shipped")\ndef main():\n    return "${word}"\n`;
  const load = async (name: string, word: string): Promise<string> => (await loadFlow(hero, name, source(word))).change;

  it('are updated where nobody changed them', async () => {
    expect(await load('shipped a', 'one')).toBe('created');
    expect(await load('shipped a', 'one')).toBe('unchanged');
    expect(await load('shipped a', 'two')).toBe('new version');
    expect((await hero.workflow_get({ name: 'shipped a' })).current_version_number).toBe(2);
  });

  it('never take the place of what a person saved', async () => {
    await load('shipped b', 'one');
    const { sid } = await hero.workflow_get({ name: 'shipped b' });
    const own = await hero.workflow_create_version({ workflow_sid: sid, python_source: source('my own') });
    expect(await load('shipped b', 'one')).toBe('unchanged');
    expect(await load('shipped b', 'two')).toBe('changed here, left alone');
    expect((await hero.workflow_get({ name: 'shipped b' })).current_version_sid).toBe(own.sid);
  });

  it('stay at the older version that a person went back to', async () => {
    await load('shipped c', 'one');
    const first = await hero.workflow_get({ name: 'shipped c' });
    await load('shipped c', 'two');
    await hero.workflow_set_current_version({ workflow_sid: first.sid, version_sid: first.current_version_sid });
    expect(await load('shipped c', 'two')).toBe('unchanged');
    expect((await hero.workflow_get({ name: 'shipped c' })).current_version_number).toBe(1);
  });
});
