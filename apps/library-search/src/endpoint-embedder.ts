/** An OpenAI-compatible endpoint as embedder: POST {url}/embeddings {model, input} answers {data: [{index, embedding}]}. */
import { z } from 'zod';
import { type Embedder, EmbedderFault } from './embedder.js';

const QUERY_WITHIN_MS = 2_000;
const BATCH_WITHIN_MS = 60_000;
const Answer = z.object({ data: z.array(z.object({ index: z.int(), embedding: z.array(z.number()).min(1) })) });

export interface EndpointOptions {
  /** With or without `/embeddings` at its end. */
  url: string;
  model: string;
  key?: string;
  signal: AbortSignal;
}

export class EndpointEmbedder implements Embedder {
  readonly model: string;
  private readonly url: string;

  constructor(private readonly options: EndpointOptions) {
    const url = options.url.replace(/\/+$/, '');
    this.url = url.endsWith('/embeddings') ? url : `${url}/embeddings`;
    this.model = `${this.url} ${options.model}`;
  }

  async embed(texts: readonly string[], urgency: 'query' | 'background'): Promise<Float32Array[]> {
    const { key, model, signal } = this.options;
    const within = AbortSignal.timeout(urgency === 'query' ? QUERY_WITHIN_MS : BATCH_WITHIN_MS);
    const headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) };
    const body = JSON.stringify({ model, input: texts, encoding_format: 'float' });
    try {
      const reply = await fetch(this.url, { method: 'POST', headers, body, signal: AbortSignal.any([signal, within]) });
      if (!reply.ok) throw new Error(`it answered ${reply.status}`);
      const { data } = Answer.parse(await reply.json());
      if (data.length !== texts.length) throw new Error(`it answered ${data.length} vectors for ${texts.length} texts`);
      return data.toSorted((a, b) => a.index - b.index).map(({ embedding }) => Float32Array.from(embedding));
    } catch (cause) {
      // Neither the address nor the key: this sentence is shown to everyone who searches.
      const why =
        cause instanceof z.ZodError ? 'its answer is not that of an embeddings endpoint' : (cause as Error).message;
      throw new EmbedderFault(`The endpoint of HERO_EMBEDDINGS_URL does not embed: ${why}.`, true, { cause });
    }
  }

  async stop(): Promise<void> {}
}
