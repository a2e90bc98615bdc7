/** The worker thread of check-threads.ts. It does one task after the other. */
import { parentPort } from 'node:worker_threads';
import { check, type Checked, type Task } from './check.js';

/** The reply has the time that the task took, without its wait in the queue. */
export type Reply = ({ checked: Checked } | { failure: string }) & { ms: number };

const port = parentPort;
if (!port) throw new Error('check-thread.js must be started by the registry, as a thread.');
port.on('message', (task: Task) => {
  const began = performance.now();
  const ms = (): number => performance.now() - began;
  let reply: Reply;
  try {
    reply = { checked: check(task), ms: ms() };
  } catch (error) {
    reply = { failure: error instanceof Error ? error.message : String(error), ms: ms() };
  }
  port.postMessage(reply);
});
