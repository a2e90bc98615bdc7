/**
 * What DBOS for TypeScript runs. DBOS is a library: workflows are functions of this process, steps are `DBOS.runStep`, and each start,
 * step and end is a commit in PostgreSQL. Whoever starts a workflow is in the same process, as in DBOS's own guide. A question is
 * `DBOS.recv`, a child is `DBOS.startWorkflow` inside a workflow. There is no suspension: a replay is the recovery at `DBOS.launch`
 * after the process was killed.
 */
import { DBOS } from '@dbos-inc/dbos-sdk';
import { now, oneByOne, serve, sideBySide } from '../serve.mjs';

const nothing = async () => null;
const LIMIT = { timeoutSeconds: 600 };

const trivial = DBOS.registerWorkflow(async () => 1, { name: 'trivial' });

const steps = DBOS.registerWorkflow(
  async (count) => {
    const began = performance.now();
    for (let i = 0; i < count; i++) await DBOS.runStep(nothing, { name: 'unit' });
    return (performance.now() - began) / count;
  },
  { name: 'steps' },
);

async function items(count) {
  const began = performance.now();
  await Promise.allSettled(Array.from({ length: count }, (_, i) => DBOS.runStep(async () => i, { name: 'item' })));
  return performance.now() - began;
}

const fanOut = DBOS.registerWorkflow(items, { name: 'fanOut' });

const spawns = DBOS.registerWorkflow(
  async (count) => {
    const took = [];
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      await (await DBOS.startWorkflow(trivial)()).getResult();
      took.push(performance.now() - began);
    }
    return took;
  },
  { name: 'spawns' },
);

const asks = DBOS.registerWorkflow(
  async () => {
    await DBOS.recv('go', LIMIT);
    return now();
  },
  { name: 'asks' },
);

/** Remembers `count` steps, says so, waits, and says how long the attempt that got the answer took to come as far as the wait. */
const replays = DBOS.registerWorkflow(
  async (count) => {
    const took = await items(count);
    await DBOS.setEvent('remembered', true);
    await DBOS.recv('go', LIMIT);
    return took;
  },
  { name: 'replays' },
);

const run = async (workflow, ...args) => await (await DBOS.startWorkflow(workflow)(...args)).getResult();

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: process.env.DATABASE_URL,
  // A recovery takes the workflows of its own version only; without a name the version is a hash of the source.
  applicationVersion: 'bench',
  logLevel: 'error',
});
const began = performance.now();
await DBOS.launch();

await serve({
  trivial: ({ count }) => oneByOne(count, () => run(trivial)),
  together: ({ count, together }) => sideBySide(count, together, () => run(trivial)),
  steps: async ({ count }) => [await run(steps, count)],
  fanOut: async ({ count }) => [await run(fanOut, count)],
  spawn: ({ count }) => run(spawns, count),
  async answer({ count, settle }) {
    const took = [];
    for (let i = 0; i < count; i++) {
      const handle = await DBOS.startWorkflow(asks)();
      await new Promise((done) => setTimeout(done, settle));
      const answered = now();
      await DBOS.send(handle.workflowID, 'yes', 'go');
      took.push((await handle.getResult()) - answered);
    }
    return took;
  },
  async remember({ count, id }) {
    await DBOS.startWorkflow(replays, { workflowID: id })(count);
    await DBOS.getEvent(id, 'remembered', LIMIT);
    return [];
  },
  /** In the process that was started after the one with `remember` was killed. */
  async recovered({ id }) {
    await DBOS.send(id, 'yes', 'go');
    const took = await DBOS.getResult(id, { ...LIMIT, pollingIntervalMs: 10 });
    return [took, performance.now() - began];
  },
});
