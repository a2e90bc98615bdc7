/** `hero_logic broker`: the scripted language model, as examples start it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type TempFolder, tempFolder } from '@hero/testing';

const CLI = resolve(import.meta.dirname, '../bin/hero_logic.mjs');
let folder: TempFolder;

beforeAll(async () => {
  folder = await tempFolder();
});
afterAll(async () => await folder[Symbol.asyncDispose]());

async function start(script: unknown) {
  const file = join(folder.path, 'script.json');
  await writeFile(file, JSON.stringify(script));
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(process.execPath, [CLI, 'broker', '--script', file], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return { child, lines: createInterface(child.stderr)[Symbol.asyncIterator](), ended: once(child, 'exit') };
}

describe('the scripted broker', () => {
  it('answers as the script says, and says what it is', async () => {
    const { child, lines, ended } = await start({ model: 'mine', replies: [{ content: 'Hello.' }] });
    const said = String((await lines.next()).value);
    expect(said).toContain('no model stands behind them');
    const url = /http:\S+/.exec(said)?.[0] ?? '';
    expect((await lines.next()).value).toContain(`AIBROKER_URL=${url} AIBROKER_API_KEY=`);
    const body = JSON.stringify({ model: 'any', messages: [{ role: 'user', content: 'hello' }] });
    const answer = await fetch(`${url}/chat/completions`, { method: 'POST', body });
    expect(answer.headers.get('x-scripted-broker')).toContain('script.json');
    expect(await answer.json()).toMatchObject({ model: 'mine', choices: [{ message: { content: 'Hello.' } }] });
    expect((await lines.next()).value).toContain('200 replies[0]');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it('says what is wrong with a script', async () => {
    const { lines, ended } = await start({ replies: [{ contents: 'Hello.' }] });
    expect((await lines.next()).value).toContain('replies[0]');
    expect(await ended).toEqual([2, null]);
  });
});
