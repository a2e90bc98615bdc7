/**
 * A process that is one or several services: its signals, its lifeline and its exit code.
 *
 * 1. Services that share a process share its end: a fault of one ends all, in order, and the supervisor starts all of them again.
 * 2. They stop one after the other, the last named first, so that each finds those that it asks (named before it) still answering.
 *    All of them together have STOP_WITHIN_MS.
 */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bootService, type RunningService, STOP_WITHIN_MS } from './boot.js';
import type { ServiceDefinition } from './define.js';
import { StartFault } from './env.js';
import { describeService } from './manifest-text.js';

/** Whether this module is the one that node was started with. */
export function isEntry(meta: ImportMeta): boolean {
  const entry = process.argv[1];
  return entry !== undefined && realpathSync(entry) === realpathSync(fileURLToPath(meta.url));
}

/** For the end of a service's main: boots it if it is what node was started with, and not when a host imports it. */
export async function runIfMain(meta: ImportMeta, definition: ServiceDefinition): Promise<void> {
  if (isEntry(meta)) await runServices([definition]);
}

/** Runs until a signal, the end of the lifeline, or a fault ends the process. `--info` prints the manifests instead. */
export async function runServices(definitions: readonly ServiceDefinition[]): Promise<void> {
  if (process.argv.includes('--info')) {
    for (const definition of definitions) process.stdout.write(`${describeService(definition)}\n`);
    return;
  }
  const running: RunningService[] = [];
  let leaving = false;
  const leave = async (reason: string, code: number): Promise<void> => {
    if (leaving) return;
    leaving = true;
    // The process ends even if something hangs.
    setTimeout(() => process.exit(1), STOP_WITHIN_MS + 4_000).unref();
    await stopInTurn(definitions, running, reason);
    process.exit(code);
  };
  process.on('SIGTERM', () => void leave('SIGTERM', 0));
  process.on('SIGINT', () => void leave('SIGINT', 0));
  const crash = (what: string) => (error: unknown) => {
    (running[0]?.log.fatal.bind(running[0].log) ?? console.error)({ err: error }, what);
    void leave(what, 1);
  };
  process.on('uncaughtException', crash('uncaught exception'));
  process.on('unhandledRejection', crash('unhandled rejection'));
  if (process.env.HERO_LIFELINE === 'stdin') {
    process.stdin.on('end', () => void leave('the supervisor is gone', 0));
    process.stdin.on('error', () => void leave('the supervisor is gone', 0));
    process.stdin.resume();
  }
  const boots = definitions.map(async (definition) => {
    const service = await bootService(definition);
    running.push(service);
    if (leaving) await service.stop('stopped while starting');
  });
  const faults = (await Promise.allSettled(boots)).filter((boot) => boot.status === 'rejected');
  if (faults.length === 0) {
    process.send?.({ ready: definitions.map(({ name }) => name) }); // to a supervisor that started us with an IPC channel
    return;
  }
  for (const { reason } of faults) process.stderr.write(`${startSentence(reason)}\n`);
  await leave('a service could not start', 1);
}

/** Rule 2. They start side by side, so the order is that of their names on the command line. */
async function stopInTurn(
  definitions: readonly ServiceDefinition[],
  running: readonly RunningService[],
  reason: string,
): Promise<void> {
  const until = performance.now() + STOP_WITHIN_MS;
  const turn = ({ name }: RunningService): number => definitions.findIndex((definition) => definition.name === name);
  for (const service of [...running].sort((a, b) => turn(b) - turn(a)))
    await service.stop(reason, until - performance.now()).catch(() => undefined);
}

function startSentence(error: unknown): string {
  if (error instanceof StartFault) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
