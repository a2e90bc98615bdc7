/**
 * A process of its own that runs the built-in model: it gets texts and answers vectors.
 *
 * 1. Not a thread: the runtime is native code, whose crash would end the services that share the process, and its memory (about
 *    180 MB) is given back to the system only when a process ends.
 * 2. It opens no connection. The model's file is read from the disk; the runtime has no telemetry on Linux and macOS, and that of
 *    Windows is switched off.
 * 3. Queries go before flows, which wait in batches.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gunzipSync } from 'node:zlib';
import { WordPiece } from './wordpiece.js';

export interface EmbedRequest {
  id: number;
  texts: readonly string[];
  urgent: boolean;
}
export type EmbedReply = { id: number; vectors: Float32Array[] } | { id: number; failure: string };
/** Sent once: the model is loaded, or why it cannot be. */
export type Loaded = { loaded: true } | { loaded: false; failure: string };

/** What is used of onnxruntime-node. It is an optional package, so its types may be missing where this is compiled. */
interface Runtime {
  env: { telemetry?: { disable?: () => void } };
  InferenceSession: { create(path: string, options: object): Promise<Session> };
  Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => object;
}
interface Session {
  run(inputs: Record<string, object>): Promise<Record<string, { data: Float32Array } | undefined>>;
}

const DIMENSIONS = 384;
const MOST_PIECES = 256;
const vocabulary = new URL('../model/vocab.txt.gz', import.meta.url);

async function load(path: string): Promise<(text: string) => Promise<Float32Array>> {
  const runtime = createRequire(import.meta.url)('onnxruntime-node') as Runtime;
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, enableCpuMemArena: false, enableMemPattern: false };
  const session = await runtime.InferenceSession.create(path, options);
  const tokenizer = new WordPiece(gunzipSync(readFileSync(vocabulary)).toString('utf8'));
  return async (text) => {
    const ids = tokenizer.encode(text, MOST_PIECES);
    const tensor = (data: BigInt64Array): object => new runtime.Tensor('int64', data, [1, ids.length]);
    const { last_hidden_state: states } = await session.run({
      input_ids: tensor(BigInt64Array.from(ids, BigInt)),
      attention_mask: tensor(new BigInt64Array(ids.length).fill(1n)),
      token_type_ids: tensor(new BigInt64Array(ids.length)),
    });
    if (!states) throw new Error('the model has no output last_hidden_state');
    return mean(states.data);
  };
}

/** The mean of the vectors of the pieces, normalised. */
function mean(states: Float32Array): Float32Array {
  const vector = new Float32Array(DIMENSIONS);
  for (let i = 0; i < states.length; i++)
    vector[i % DIMENSIONS] = (vector[i % DIMENSIONS] as number) + (states[i] as number);
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

const send = (message: EmbedReply | Loaded): void => void process.send?.(message);
const messageOf = (error: unknown): string =>
  error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);

async function main(path: string): Promise<void> {
  const embed = await load(path);
  const waiting: EmbedRequest[] = [];
  let working = false;
  const work = async (): Promise<void> => {
    if (working) return;
    working = true;
    for (let request = waiting.shift(); request; request = waiting.shift()) {
      const { id, texts } = request;
      try {
        const vectors: Float32Array[] = [];
        for (const text of texts) vectors.push(await embed(text));
        send({ id, vectors });
      } catch (error) {
        send({ id, failure: messageOf(error) });
      }
      // Lets requests in that arrived meanwhile; a query among them is next.
      await new Promise((resolve) => setImmediate(resolve));
    }
    working = false;
  };
  process.on('message', (request: EmbedRequest) => {
    const at = request.urgent ? waiting.findIndex(({ urgent }) => !urgent) : -1;
    waiting.splice(at < 0 ? waiting.length : at, 0, request);
    void work();
  });
  send({ loaded: true });
}

process.once('disconnect', () => process.exit(0));
main(process.argv[2] ?? '').catch((error: unknown) => {
  send({ loaded: false, failure: messageOf(error) });
  process.exitCode = 1;
  process.disconnect?.();
});
