/** A whole service in plain JavaScript (decorators as functions), run by tests as processes do run: from dist. */
import { Handle } from '@hero/bus';
import { contract } from '@hero/contracts';
import { defineService, failpoint, runIfMain } from '@hero/service-kit';
import { Controller, Module } from '@nestjs/common';
import { z } from 'zod';

export const greet = contract({
  name: 'greet',
  service: 'registry',
  summary: 'Greets.',
  params: z.strictObject({ name: z.string() }),
  result: z.object({ text: z.string(), pid: z.int() }),
});

class Door {
  async greet({ name }) {
    await failpoint('greeter.greet.before');
    return { text: `Hello, ${name}`, pid: process.pid };
  }
}
Handle(greet)(Door.prototype, 'greet', Object.getOwnPropertyDescriptor(Door.prototype, 'greet'));
Controller()(Door);

class Greeter {}
Module({ controllers: [Door] })(Greeter);

const definition = defineService({
  name: 'registry',
  dir: import.meta.dirname,
  env: z.object({ GREETING: z.string().describe('Set a greeting.') }),
  module: Greeter,
  start: () => ({ stop: () => process.stderr.write('own work ended\n') }),
});
export default definition;
await runIfMain(import.meta, definition);
