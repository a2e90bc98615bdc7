/** The other end of threads.ts: stores the groups that it is sent, over connections of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '@hero/contracts';
import { Database } from '@hero/persistence';
import { createLog } from '@hero/service-kit';
import { Ingest } from './numbering.js';
import { OwnStorer } from './storer.js';
import type { FromThread, ThreadSettings, ToThread } from './threads.js';

const { databaseUrl, instance, logLevel, logFormat } = workerData as ThreadSettings;
const log = createLog({ service: 'span-ingest', instance, level: logLevel, format: logFormat });
const database = new Database({ url: databaseUrl, schema: 'spans', poolSize: 2 }, log);
const storer = new OwnStorer(new Ingest(database, log), log);
const port = parentPort;
if (!port) throw new Error('thread.js must be started by span-ingest, as a thread.');

const answer = (message: FromThread, moved: ArrayBuffer[] = []): void => port.postMessage(message, moved);

port.on('message', async (message: ToThread) => {
  if (message === 'close') {
    await database.close();
    port.close();
    return;
  }
  const { nr, group, limit } = message;
  try {
    const stored = await storer.store(group, limit);
    answer(
      { nr, stored },
      stored.messages.map(({ data }) => data.buffer as ArrayBuffer),
    );
  } catch (error) {
    answer({ nr, failure: messageOf(error) });
  }
});
answer('ready');
