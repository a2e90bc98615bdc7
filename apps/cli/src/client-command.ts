/** `hero_logic client`: makes a typed client from an OpenRPC document, and stores it where plays and the gateway find it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  clientFileName,
  DocumentFault,
  generatedFiles,
  readService,
  servicePython,
  serviceTypescript,
} from '@hero/openrpc';
import { CLIENT_FILE, storeClient } from '@hero/openrpc/client-folder';
import { UsageError } from './environment.js';

export interface ClientOptions {
  openrpc?: string;
  lang: 'python' | 'typescript';
  name?: string;
  out?: string;
}

const ENDINGS = { python: '.py', typescript: '.ts' };
const FETCH_WITHIN_MS = 30_000;

export async function makeClient(home: string, options: ClientOptions, say: (line: string) => void): Promise<void> {
  const { title, text } =
    options.openrpc === undefined ? ownClient(options.lang) : await clientOf(options.openrpc, options.lang);
  if (options.out === '-') return say(text.trimEnd());
  if (options.out !== undefined) {
    await writeFile(resolve(options.out), text);
    return say(`wrote ${resolve(options.out)}`);
  }
  const name = `${options.name ?? title}${ENDINGS[options.lang]}`;
  if (!CLIENT_FILE.test(name))
    throw new UsageError(
      `--name ${name}: write letters, digits and _, beginning with a letter, as for a module of Python.`,
    );
  const path = await storeClient(join(home, 'var', 'clients'), name, text);
  say(`wrote ${path}`);
  if (options.lang === 'python') say(`in a play: import ${name.slice(0, -ENDINGS.python.length)}`);
}

function ownClient(lang: ClientOptions['lang']): { title: string; text: string } {
  const title = 'hero_logic_client';
  const file = generatedFiles().find(({ path }) => path.endsWith(`${title}${ENDINGS[lang]}`));
  if (!file) throw new Error(`There is no ${title} in ${lang}.`);
  return { title, text: file.text };
}

async function clientOf(source: string, lang: ClientOptions['lang']): Promise<{ title: string; text: string }> {
  const document = /^https?:\/\//.test(source) ? await fetched(source) : parsed(await read(source), source);
  try {
    const service = readService(document);
    return {
      title: clientFileName(service.title),
      text: lang === 'python' ? servicePython(service) : serviceTypescript(service),
    };
  } catch (error) {
    if (error instanceof DocumentFault) throw new UsageError(`${source}: ${error.message}`);
    throw error;
  }
}

/** A document that is served, or else what the service says to `rpc.discover`. */
async function fetched(url: string): Promise<unknown> {
  const served = await request(url, {});
  if (served?.includes('"openrpc"')) return parsed(served, url);
  const discover = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'rpc.discover', params: {} });
  const answer = await request(url, {
    method: 'POST',
    body: discover,
    headers: { 'content-type': 'application/json' },
  });
  if (answer === undefined)
    throw new UsageError(`${url} serves no OpenRPC document, and does not answer rpc.discover.`);
  const { result } = parsed(answer, url) as { result?: unknown };
  if (result === undefined)
    throw new UsageError(`${url} serves no OpenRPC document, and does not answer rpc.discover.`);
  return result;
}

async function request(url: string, init: RequestInit): Promise<string | undefined> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(FETCH_WITHIN_MS) });
    const text = await response.text();
    return response.ok ? text : undefined;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new UsageError(`${url} is not reachable: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(resolve(file), 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parsed(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${source} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
