/** The environment that library-search reads besides that of every service, and the embedder that it asks for. */
import { join } from 'node:path';
import type { BaseEnv } from '@hero/service-kit';
import { z } from 'zod';
import { BuiltinEmbedder } from './builtin-embedder.js';
import type { Embedder } from './embedder.js';
import { EndpointEmbedder } from './endpoint-embedder.js';

export const searchEnv = z.object({
  HERO_EMBEDDINGS: z
    .enum(['builtin', 'off'])
    .default('builtin')
    .describe('builtin: search by meaning too, with a model in the service; off: by words alone.'),
  HERO_EMBEDDINGS_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('OpenAI-compatible endpoint in place of the built-in model, e.g. http://127.0.0.1:11434/v1.'),
  HERO_EMBEDDINGS_MODEL: z
    .string()
    .default('text-embedding-3-small')
    .describe('The model that the endpoint is asked for.'),
  HERO_EMBEDDINGS_KEY: z.string().optional().describe('The key of the endpoint.'),
  HERO_CACHE: z.string().optional().describe('Folder of downloads, to share one; default $HERO_HOME/cache.'),
  HERO_PYTHON: z.string().default('python3').describe('Its pip fetches the built-in model, once.'),
});
export type SearchEnv = z.output<typeof searchEnv> & BaseEnv;

/** The embedder of the settings, and what to say of it; undefined and why, if there is none. */
export function embedderOf(env: SearchEnv, signal: AbortSignal): { embedder: Embedder | undefined; reason: string } {
  if (env.HERO_EMBEDDINGS === 'off') return { embedder: undefined, reason: 'HERO_EMBEDDINGS is off.' };
  const { HERO_EMBEDDINGS_URL: url, HERO_EMBEDDINGS_MODEL: model, HERO_EMBEDDINGS_KEY: key } = env;
  if (url !== undefined)
    return { embedder: new EndpointEmbedder({ url, model, key, signal }), reason: `${model} at an endpoint:` };
  const cache = env.HERO_CACHE ?? join(env.HERO_HOME, 'cache');
  const embedder = new BuiltinEmbedder({ cache, python: env.HERO_PYTHON, signal });
  return { embedder, reason: 'The built-in model all-MiniLM-L6-v2:' };
}
