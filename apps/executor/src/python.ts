/** The interpreter of plays, resolved once: a version manager's shim would cost 160 ms each time. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StartFault } from '@hero/service-kit';

export interface Python {
  executable: string;
  version: string;
  /** Decides which wheels fit: implementation, version and platform. */
  target: string;
  /** Folder of the SDK; null where the interpreter itself has it installed. */
  sdk: string | null;
}

/** With what else is on its path. */
export interface PlayPython extends Python {
  /** `$HERO_HOME/var/clients`. */
  clients: string;
}

const ASK = `
import sys, sysconfig
print(sys.executable)
print(".".join(map(str, sys.version_info[:3])))
libc = "-musl" if "musl" in (sysconfig.get_config_var("SOABI") or "") else ""
print("%s-%d.%d-%s%s" % (sys.implementation.name, *sys.version_info[:2], sysconfig.get_platform(), libc))
`;
const OLDEST = [3, 10] as const;

export async function resolvePython(name: string): Promise<Python> {
  const [executable = '', version = '', target = ''] = await ask(name);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw fault(`${name} is Python ${version || 'of an unknown version'}; plays need 3.10 or newer. Set HERO_PYTHON.`);
  }
  return { executable, version, target, sdk: sdkFolder() };
}

async function ask(name: string): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)(name, ['-I', '-c', ASK], { timeout: 20_000 });
    return stdout.trim().split('\n');
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw fault(`HERO_PYTHON=${name} does not run (${why}); install Python 3.10 or newer, or name it in HERO_PYTHON.`);
  }
}

/** In a checkout the SDK lies beside the services. */
function sdkFolder(): string | null {
  const folder = join(import.meta.dirname, '..', '..', '..', 'sdk-python', 'src');
  return existsSync(join(folder, 'hero_tracing')) ? folder : null;
}

const fault = (sentence: string): StartFault =>
  new StartFault('executor cannot start: no Python for plays.', [sentence]);
