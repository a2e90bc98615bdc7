/** Building blocks for the environment of services. Their descriptions are used as remedies in errors. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';

const url = (protocols: RegExp, example: string) =>
  z.string().refine((value) => value.split(',').every((part) => isUrl(part.trim(), protocols)), {
    error: `must be an address like ${example}`,
  });

function isUrl(value: string, protocols: RegExp): boolean {
  return URL.canParse(value) && protocols.test(new URL(value).protocol);
}

export const heroEnv = {
  HERO_HOME: z
    .string()
    .default(() => join(homedir(), 'hero'))
    .transform((folder) => resolve(folder))
    .describe('Folder of all that Hero Logic keeps; default ~/hero.'),
  NATS_URL: url(/^(nats|tls):$/, 'nats://127.0.0.1:4222')
    .default('nats://127.0.0.1:4222')
    .describe('Where the bus is: nats://host:port.'),
  DATABASE_URL: url(/^postgres(ql)?:$/, 'postgresql://user@host:5432/hero').describe(
    'Where PostgreSQL is: postgresql://user:password@host:5432/database.',
  ),
  HERO_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Least level that is logged.'),
  HERO_LOG_FORMAT: z.enum(['json', 'line']).default('json').describe('json, or line: one readable line per fact.'),
  HERO_BUILD_NR: z.string().default('dev').describe('Number of this build, shown by the banner and system_status.'),
  HERO_INSTANCE: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, - or _')
    .optional()
    .describe('Name of this instance, unique among all; default: made at start.'),
  HERO_LIFELINE: z.enum(['stdin']).optional().describe('stdin: stop when standard input ends, as its supervisor died.'),
  HERO_FAILPOINTS: z.string().optional().describe('Crash points for tests, e.g. registry.commit.before=kill@3.'),
};

/** Read by every service through this library; a service.toml does not list them. */
export const baseEnv = z.object({
  HERO_HOME: heroEnv.HERO_HOME,
  NATS_URL: heroEnv.NATS_URL,
  HERO_LOG_LEVEL: heroEnv.HERO_LOG_LEVEL,
  HERO_LOG_FORMAT: heroEnv.HERO_LOG_FORMAT,
  HERO_BUILD_NR: heroEnv.HERO_BUILD_NR,
  HERO_INSTANCE: heroEnv.HERO_INSTANCE,
  HERO_LIFELINE: heroEnv.HERO_LIFELINE,
  HERO_FAILPOINTS: heroEnv.HERO_FAILPOINTS,
});
export type BaseEnv = z.output<typeof baseEnv>;

/** The error for a failed start: its sentences name all faulty files, fields or variables, each with the remedy. */
export class StartFault extends Error {
  constructor(
    readonly what: string,
    readonly faults: readonly string[],
  ) {
    super(`${what}\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'StartFault';
  }
}

/** Reads the environment of one service; an empty variable counts as not set. */
export function readEnv<E extends z.ZodObject>(
  service: string,
  schema: E,
  source: NodeJS.ProcessEnv = process.env,
): z.output<E> & BaseEnv {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''));
  const faults = new Set<string>();
  const read = (part: z.ZodObject): object => {
    const parsed = part.safeParse(given);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const name = String(issue.path[0] ?? '');
      faults.add(faultOf(name, given[name], issue.message, part.shape[name]?.description));
    }
    return {};
  };
  const values = { ...read(baseEnv), ...read(schema) };
  if (faults.size > 0) throw new StartFault(`${service} cannot start: its environment is not right.`, [...faults]);
  return values as z.output<E> & BaseEnv;
}

function faultOf(name: string, value: string | undefined, message: string, remedy: string | undefined): string {
  const secret = /SECRET|KEY|TOKEN|PASSWORD|URL/.test(name);
  const shown = value === undefined ? 'is not set' : secret ? 'is not right' : `is ${JSON.stringify(value)}`;
  const why = value === undefined ? '' : ` (${message})`;
  return `${name} ${shown}${why}. ${remedy ?? `Set ${name}.`}`;
}
