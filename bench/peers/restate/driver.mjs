/** The client of the Restate server: what a program outside calls through the HTTP ingress. Its CPU is not Restate's. */
import * as restate from '@restatedev/restate-sdk-clients';
import { now, oneByOne, serve, sideBySide } from '../serve.mjs';

const ingress = restate.connect({ url: process.env.INGRESS });
const trivial = ingress.serviceClient({ name: 'trivial' });
const bench = ingress.serviceClient({ name: 'bench' });
const suspended = ingress.serviceClient({ name: 'suspended' });

let asked = 0;

async function question(ask) {
  for (;;) {
    const id = await ingress.objectClient({ name: 'mailbox' }, ask).get();
    if (id !== null) return id;
    await new Promise((done) => setTimeout(done, 10));
  }
}

serve({
  trivial: ({ count }) => oneByOne(count, () => trivial.run()),
  together: ({ count, together }) => sideBySide(count, together, () => trivial.run()),
  steps: async ({ count }) => [await bench.steps(count)],
  fanOut: async ({ count }) => [await bench.fanOut(count)],
  spawn: ({ count }) => bench.spawns(count),
  async answer({ count, suspended: away, settle }) {
    const took = [];
    for (let i = 0; i < count; i++) {
      const ask = `${process.pid}-${asked++}`;
      const goesOn = (away ? suspended : bench).asks(ask);
      const id = await question(ask);
      await new Promise((done) => setTimeout(done, away ? settle : 0));
      const began = now();
      await ingress.resolveAwakeable(id);
      took.push((await goesOn) - began);
    }
    return took;
  },
  async replay({ count, settle }) {
    const ask = `${process.pid}-${asked++}`;
    const inFlow = suspended.replays({ count, ask });
    const id = await question(ask);
    await new Promise((done) => setTimeout(done, settle));
    const began = performance.now();
    await ingress.resolveAwakeable(id);
    const took = await inFlow;
    return [took, performance.now() - began];
  },
});
