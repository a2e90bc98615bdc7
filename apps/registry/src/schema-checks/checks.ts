/** Checks a value in this thread if that is certainly quick, else in a worker thread, where its owner has a bounded time (I12). */
import { HeroError, type Issue } from '@hero/contracts';
import { TooCostly } from '@hero/json';
import { Injectable } from '@nestjs/common';
import { check, type Checked, type Task } from './check.js';
import { CheckThreads, Spent } from './check-threads.js';

/** A value of this size is parsed and checked in less than a millisecond. */
const QUICK_CHARACTERS = 64 * 1024;
/** Bound of the cost of a schema in this thread, also about a millisecond. */
const QUICK_STEPS = 10_000;

@Injectable()
export class Checks {
  private readonly threads = new CheckThreads();

  async check(owner: string, task: Task): Promise<Checked> {
    try {
      if (isQuick(task)) return check(task, QUICK_STEPS);
    } catch (error) {
      if (!(error instanceof TooCostly)) throw error;
    }
    try {
      return await this.threads.run(owner, task);
    } catch (error) {
      if (!(error instanceof Spent))
        throw new HeroError('UNAVAILABLE', 'The value could not be checked; try again.', { cause: error });
      return { issues: [spentIssue(task)], input: '', prefills: [], params_sha256: '' };
    }
  }

  /** The faults of an answer to a question. */
  async answer(owner: string, schema: Extract<Task, { kind: 'answer' }>['schema'], answer: string): Promise<Issue[]> {
    return (await this.check(owner, { kind: 'answer', schema, answer })).issues;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.threads.stop();
  }
}

const spentIssue = ({ kind }: Task): Issue => ({
  path: kind === 'input' ? 'input_data' : 'payload',
  message: 'could not be checked: the schemas cost too much; simplify their patterns, or try again in a minute',
});

/** Patterns never run in this thread, because only a worker can be ended while a pattern backtracks. */
function isQuick(task: Task): boolean {
  if (task.kind === 'answer') return task.answer.length <= QUICK_CHARACTERS && !hasPattern(task.schema);
  const size = task.input.length + (task.prefills?.length ?? 0);
  return size <= QUICK_CHARACTERS && task.fields.every(({ schema }) => schema === undefined || !hasPattern(schema));
}

const patterned = new WeakMap<object, boolean>();
function hasPattern(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  let found = patterned.get(schema);
  if (found === undefined) patterned.set(schema, (found = JSON.stringify(schema).includes('"pattern')));
  return found;
}
