/**
 * What Restate runs. A trivial workflow is a handler of a service: Restate's own workflows (a handler that runs once per key) add a
 * lock and a retained result that nobody asks for here. A remembered step is `ctx.run`, a child is a call of another handler through
 * Restate, a question is an awakeable. All handlers share this one process, as the SDK's guide shows it.
 */
import { createServer } from 'node:http2';
import * as restate from '@restatedev/restate-sdk';
import { now, serve } from '../serve.mjs';

// The SDK is written for Node 22; this is all that Node 20 lacks.
Promise.withResolvers ??= () => {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
};

const nothing = () => null;

const trivial = restate.service({ name: 'trivial', handlers: { run: async () => 1 } });

const steps = async (ctx, count) => {
  const began = performance.now();
  for (let i = 0; i < count; i++) await ctx.run('unit', nothing);
  return (performance.now() - began) / count;
};

const fanOut = async (ctx, count) => {
  const began = performance.now();
  await restate.RestatePromise.all(Array.from({ length: count }, (_, i) => ctx.run('item', () => i)));
  return performance.now() - began;
};

const spawns = async (ctx, count) => {
  const took = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    await ctx.serviceClient(trivial).run();
    took.push(performance.now() - began);
  }
  return took;
};

/** Waits for an awakeable whose id the driver learns by a one-way call, and says when it goes on. */
const asks = async (ctx, ask) => {
  const { id, promise } = ctx.awakeable();
  ctx.objectSendClient(mailbox, ask).put(id);
  await promise;
  return now();
};

/** Remembers `count` steps, waits, and says how long the attempt that got the answer took to come as far as the wait. */
const replays = async (ctx, { count, ask }) => {
  const took = await fanOut(ctx, count);
  await asks(ctx, ask);
  return took;
};

const mailbox = restate.object({
  name: 'mailbox',
  handlers: {
    put: async (ctx, id) => ctx.set('id', id),
    get: restate.handlers.object.shared(async (ctx) => ctx.get('id')),
  },
});

const bench = restate.service({
  name: 'bench',
  handlers: { steps, fanOut, spawns, asks },
  options: { abortTimeout: { minutes: 10 } },
});

// An invocation that waits this long is suspended: the next attempt replays its journal.
const suspended = restate.service({
  name: 'suspended',
  handlers: { replays, asks },
  options: { inactivityTimeout: { milliseconds: 100 }, abortTimeout: { minutes: 10 } },
});

const server = createServer(restate.createEndpointHandler({ services: [trivial, bench, suspended, mailbox] }));
server.listen(0, '127.0.0.1', () => serve({}, { port: server.address().port }));
