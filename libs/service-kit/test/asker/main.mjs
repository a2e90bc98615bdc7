/** A second service for a shared process: it asks the greeter while it stops, and fails when it is told to. */
import { defineService, runIfMain } from '@hero/service-kit';
import { Module } from '@nestjs/common';
import { greet } from '../greeter/main.mjs';

class Asker {}
Module({})(Asker);

const definition = defineService({
  name: 'library-search',
  dir: import.meta.dirname,
  module: Asker,
  start: ({ bus }) => {
    bus.nc.subscribe('test.fail', {
      callback: () =>
        setImmediate(() => {
          throw new Error('told to fail');
        }),
    });
    return {
      stop: async () => {
        const { text } = await bus.ask(greet, { name: 'Ada' });
        process.stderr.write(`${text}\n`);
      },
    };
  },
});
export default definition;
await runIfMain(import.meta, definition);
