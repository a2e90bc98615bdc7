import { execFile } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { connectBus } from '@hero/bus';
import { SERVICES } from '@hero/contracts';
import { type CheckedService, checkRunning } from '@hero/service-kit';
import { UsageError } from './environment.js';
import { liveSupervisor } from './run-state.js';

const run = promisify(execFile);
const main = (service: string): string =>
  join(resolve(import.meta.dirname, '../../..'), 'apps', service, 'dist', 'main.js');

/** Prints the output of `--info` of one service, or of all services. */
export async function printInfo(service: string | undefined, say: (line: string) => void): Promise<void> {
  if (service !== undefined && !(SERVICES as readonly string[]).includes(service)) {
    throw new UsageError(`There is no service "${service}". Services: ${SERVICES.join(', ')}`);
  }
  for (const name of service === undefined ? SERVICES : [service]) {
    const { stdout } = await run(process.execPath, [main(name), '--info']);
    say(stdout.trimEnd());
  }
}

/**
 * Makes two checks: every service reads its own service.toml for `--info`, and every running instance is asked on the bus what it
 * really serves. Returns true if there are no faults; a service without an instance is a fault only if the system runs.
 */
export async function infoCheck(home: string, say: (line: string) => void): Promise<boolean> {
  const faults = new Map<string, string[]>();
  for (const name of SERVICES) faults.set(name, await faultsOfInfo(name));
  const natsUrl = process.env.NATS_URL || (await liveSupervisor(home))?.nats.url || undefined;
  if (natsUrl === undefined) say(`nothing runs for ${home}: only the files are checked`);
  else
    for (const { name, instance, faults: found } of await running(natsUrl)) {
      faults.get(name)?.push(...found.map((fault) => (instance === undefined ? fault : `${instance}: ${fault}`)));
    }
  for (const [name, found] of faults) say([`${found.length === 0 ? '✓' : '✗'} ${name}`, ...found].join('\n  '));
  return [...faults.values()].every((found) => found.length === 0);
}

const faultsOfInfo = (name: string): Promise<string[]> =>
  run(process.execPath, [main(name), '--info']).then(
    () => [],
    (error: { stderr?: string; message: string }) => [error.stderr?.trim() || error.message],
  );

async function running(natsUrl: string): Promise<CheckedService[]> {
  const bus = await connectBus({ url: natsUrl, name: 'infocheck' });
  try {
    return await checkRunning(bus, new Map(SERVICES.map((name) => [name, dirname(main(name))])));
  } finally {
    await bus.drain();
  }
}
