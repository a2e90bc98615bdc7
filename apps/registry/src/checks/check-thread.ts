/** The other end of check-threads.ts: one task after the other. */
import { parentPort } from 'node:worker_threads';
import { check, type Checked, type Task } from './check.js';

export type Reply = { checked: Checked } | { failure: string };

const port = parentPort;
if (!port) throw new Error('check-thread.js is started by the registry, as a thread.');
port.on('message', (task: Task) => {
  let reply: Reply;
  try {
    reply = { checked: check(task) };
  } catch (error) {
    reply = { failure: error instanceof Error ? error.message : String(error) };
  }
  port.postMessage(reply);
});
