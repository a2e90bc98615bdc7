/**
 * `node host.js <dist/main.js> …` runs these services in one process. Imported by nobody: importing it runs it.
 * `--env-by-ipc`: its parent says by a message `{env}` where NATS and PostgreSQL are. A third of a second of imports is done by then.
 */
import { cacheCompiledCode } from './compile-cache.js';
import { envByIpc } from './env-by-ipc.js';

const words = process.argv.slice(2);
const given = words.includes('--env-by-ipc') ? envByIpc() : undefined;
cacheCompiledCode();
// Not before the cache is there.
const { hostServices } = await import('./host-services.js');
await hostServices(
  words.filter((word) => !word.startsWith('--')),
  given,
);
