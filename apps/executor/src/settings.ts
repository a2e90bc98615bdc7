/**
 * What an executor reads from its environment. What has no meaning yet is refused with a sentence, never ignored, and
 * all faults are reported together.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { StartFault } from '@hero/service-kit';
import { z } from 'zod';
import { secretFault } from './secrets/secret-file.js';
import { type Egress, parseEgress } from './egress.js';

export interface Mount {
  path: string;
  writable: boolean;
}

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== ''),
);

const mounts = list.transform((entries, check): Mount[] =>
  entries.map((entry) => {
    const writable = entry.endsWith(':rw');
    const path = entry.replace(/:(rw|ro)$/, '');
    const refuse = (why: string): void => check.addIssue({ code: 'custom', message: `"${entry}": ${why}` });
    if (!isAbsolute(path)) refuse('write an absolute path, and :rw after it where plays may write');
    else if (resolve(path) === '/') refuse('the whole file system is no mount; name the folders that plays need');
    else if (!existsSync(path)) refuse('there is no such folder; make it first');
    return { path: resolve(path), writable };
  }),
);

const egress = list
  .default(['public'])
  .transform((words, check): Egress => {
    const parsed = parseEgress(words);
    if (typeof parsed !== 'string') return parsed;
    check.addIssue({ code: 'custom', message: parsed });
    return z.NEVER;
  })
  .describe('Set public (websites and services of the internet), host:port entries, both, none, or host.');

const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

export const executorEnv = z.object({
  HERO_SLOTS: whole(1, 1000)
    .default(() => Math.max(4, 2 * availableParallelism()))
    .describe('Plays at once, 1 to 1000; default: twice the cores, at least 4.'),
  HERO_ARMED: whole(0, 1000)
    .optional()
    .describe('Processes kept ready for plays, at most; default: one for each slot.'),
  HERO_SANDBOX: z
    .enum(['off', 'default', 'strict'])
    .default('default')
    .refine((level) => level !== 'strict', 'the level strict has not landed yet')
    .transform((level) => (level === 'off' ? ('off' as const) : ('default' as const)))
    .describe('Set default, or off (development only: plays are not isolated).'),
  HERO_EGRESS: egress,
  HERO_MOUNTS: mounts.default([]).describe('Folders that plays may see: path[:rw], comma-separated.'),
  HERO_PRELOAD: list.default([]).describe('Python modules that every play finds imported, comma-separated.'),
  HERO_INSTALLER: z
    .enum(['auto', 'uv', 'pip'])
    .default('auto')
    .describe('Set uv or pip to install packages with; auto takes uv where it is there or can be had.'),
  HERO_PACKAGES_KEEP_MS: whole(0, 2_000_000_000)
    .default(3_600_000)
    .describe('How long packages that nothing needs are kept after their last use, in ms.'),
  HERO_PYTHON: z.string().default('python3').describe('The Python interpreter of plays, 3.10 or newer.'),
  HERO_ALWAYS_REPLAY: z
    .enum(['0', '1'])
    .default('0')
    .transform((word) => word === '1')
    .describe('1: every play is suspended and replayed after each commit (for tests).'),
  HERO_DRAIN_MS: whole(0, 600_000).default(22_000).describe('How long running plays may go on after SIGTERM, in ms.'),
  HERO_RECYCLE: whole(1, 1_000_000).default(2_000).describe('Plays of one fork server before it is replaced.'),
  HERO_SECRETS_FILE: z
    .string()
    .refine(isAbsolute, 'must be an absolute path')
    .optional()
    .describe(
      'A file of NAME=value lines with mode 0600, read again when it changes; plays ask with flow.secret(NAME).',
    ),
  AIBROKER_URL: z
    .url({ protocol: /^https?$/ })
    .refine((url) => new URL(url).username === '' && new URL(url).password === '', 'must not have a password in it')
    .optional()
    .describe('The OpenAI-compatible endpoint of hero_tracing.ai(), for example https://api.openai.com/v1.'),
  AIBROKER_API_KEY: z
    .string()
    .superRefine((key, check) => {
      const fault = secretFault(key);
      if (fault !== undefined) check.addIssue({ code: 'custom', message: fault });
    })
    .optional()
    .describe('Its key, unless HERO_SECRETS_FILE has it under this name.'),
  AIBROKER_MODEL: z.string().optional().describe('The model of calls that name none.'),
});
export type ExecutorEnv = z.output<typeof executorEnv>;

/** Where the language model is. Its key is a secret, which plays ask for by name. */
export interface Broker {
  url: string;
  model: string;
}

export function brokerOf({ AIBROKER_URL: url, AIBROKER_MODEL: model }: ExecutorEnv): Broker | undefined {
  return url === undefined ? undefined : { url, model: model ?? '' };
}

/** A mount must not show plays what belongs to the services, nor the secrets. */
export function checkMounts(given: readonly Mount[], varFolder: string, secretsFile?: string): void {
  const within = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  const faults = given
    .filter(({ path }) => within(path, varFolder) || within(varFolder, path))
    .map(
      ({ path }) => `HERO_MOUNTS: ${path} shows plays the services’ own files in ${varFolder}; name another folder.`,
    );
  const secrets = secretsFile === undefined ? undefined : resolve(secretsFile);
  const shown = given.find(({ path }) => secrets !== undefined && within(secrets, path));
  if (shown) faults.push(`HERO_MOUNTS: ${shown.path} shows plays HERO_SECRETS_FILE; keep that file elsewhere.`);
  if (secrets !== undefined && within(secrets, varFolder)) {
    faults.push(`HERO_SECRETS_FILE: plays see parts of ${varFolder} (packages, clients); keep that file elsewhere.`);
  }
  if (faults.length > 0) throw new StartFault('executor cannot start: its environment is not right.', faults);
}
