/**
 * How a peer's program speaks with the bench: one JSON request per line on stdin, one JSON answer per line on stdout, in order.
 * A request names a work and its size; the answer is the milliseconds that it took, as a list. The end of stdin ends the program.
 */
import { createInterface } from 'node:readline';

/** The time of day in milliseconds with fractions: two processes of one machine can be compared. */
export const now = () => performance.timeOrigin + performance.now();

const answer = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Runs `job` `count` times, one after the other; the milliseconds of each. */
export async function oneByOne(count, job) {
  const took = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    await job(i);
    took.push(performance.now() - began);
  }
  return took;
}

/** Runs `job` `count` times, `together` at a time; the milliseconds of all. */
export async function sideBySide(count, together, job) {
  const began = performance.now();
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) await job(i);
  };
  await Promise.all(Array.from({ length: together }, worker));
  return [performance.now() - began];
}

/** Answers the bench until it closes stdin; `works` has a function for each work. */
export async function serve(works, ready = {}) {
  answer({ ready });
  for await (const line of createInterface({ input: process.stdin })) {
    const { work, ...size } = JSON.parse(line);
    try {
      answer({ took: await works[work](size) });
    } catch (error) {
      answer({ error: String(error?.stack ?? error) });
    }
  }
  process.exit(0);
}
