/** service.toml: the manifest of a service. It is compared with the code at each start, so that it stays true. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { StartFault } from './env.js';

export const Manifest = z.strictObject({
  name: z.string(),
  kind: z.enum(['core', 'worker', 'store', 'index', 'gateway']),
  description: z.string().min(10),
  /** File names below `$HERO_HOME/var/sockets/hero_logic`. */
  sockets: z.array(z.string()).default([]),
  /** Request subjects that it answers. */
  subjects: z.array(z.string()),
  /** Variables that it reads besides those of every service, each with a sentence. */
  environment: z.record(z.string(), z.string().min(5)).default({}),
});
export type Manifest = z.infer<typeof Manifest>;

export interface ServiceFiles {
  file: string;
  manifest: Manifest;
  version: string;
}

/** Reads service.toml and package.json of the service whose code (src or dist) is in this folder. */
export function readManifest(codeDir: string): ServiceFiles {
  const folder = [codeDir, dirname(codeDir)].find((candidate) => existsSync(join(candidate, 'service.toml')));
  if (!folder) throw new StartFault(`The service in ${codeDir} cannot start.`, ['service.toml is missing; write it.']);
  const file = join(folder, 'service.toml');
  const manifest = Manifest.safeParse(parseToml(file));
  if (!manifest.success) {
    const faults = manifest.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`);
    throw new StartFault(`${file} is not right.`, faults);
  }
  return { file, manifest: manifest.data, version: versionIn(folder) };
}

function parseToml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new StartFault(`${file} is not TOML.`, [`line ${error.line}, column ${error.column}: ${error.message}`]);
  }
}

function versionIn(folder: string): string {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
  return version;
}

export interface Reality {
  name: string;
  subjects: readonly string[];
  environment: readonly string[];
  sockets: readonly string[];
}

/** All differences between the manifest and the code, as sentences. */
export function differences(manifest: Manifest, real: Reality): string[] {
  return [
    ...(manifest.name === real.name ? [] : [`name: it says "${manifest.name}", the code says "${real.name}".`]),
    ...compare('subjects', manifest.subjects, real.subjects, 'handled'),
    ...compare('environment', Object.keys(manifest.environment), real.environment, 'read'),
    ...compare('sockets', manifest.sockets, real.sockets, 'served'),
  ];
}

function compare(field: string, declared: readonly string[], real: readonly string[], verb: string): string[] {
  const missing = real.filter((name) => !declared.includes(name));
  const extra = declared.filter((name) => !real.includes(name));
  return [
    ...missing.map((name) => `${field}: ${name} is ${verb} by the code and not declared; add it.`),
    ...extra.map((name) => `${field}: ${name} is declared and not ${verb} by the code; remove it.`),
  ];
}
