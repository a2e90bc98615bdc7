import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { SERVICES } from '@hero/contracts';
import { UsageError } from './environment.js';

const run = promisify(execFile);
const main = (service: string): string =>
  join(resolve(import.meta.dirname, '../../..'), 'apps', service, 'dist', 'main.js');

/** Prints what a service says of itself with `--info`; without a name, every service. */
export async function printInfo(service: string | undefined, say: (line: string) => void): Promise<void> {
  if (service !== undefined && !(SERVICES as readonly string[]).includes(service)) {
    throw new UsageError(`There is no service "${service}". Services: ${SERVICES.join(', ')}`);
  }
  for (const name of service === undefined ? SERVICES : [service]) {
    const { stdout } = await run(process.execPath, [main(name), '--info']);
    say(stdout.trimEnd());
  }
}

/** Every service reads and checks its own service.toml for `--info`: true when none finds a fault. */
export async function infoCheck(say: (line: string) => void): Promise<boolean> {
  let ok = true;
  for (const name of SERVICES) {
    const fault = await run(process.execPath, [main(name), '--info']).then(
      () => undefined,
      (error: { stderr?: string; message: string }) => error.stderr?.trim() || error.message,
    );
    say(fault === undefined ? `✓ ${name}` : `✗ ${name}\n${fault}`);
    ok &&= fault === undefined;
  }
  return ok;
}
