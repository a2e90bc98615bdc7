import type { ServiceDefinition } from './define.js';
import { baseEnv } from './env.js';
import { readManifest } from './manifest.js';

/** The output of `--info`: the manifest as JSON, with the environment variables that every service reads. */
export function describeService(definition: ServiceDefinition): string {
  const { manifest, version } = readManifest(definition.dir);
  const common = Object.entries(baseEnv.shape).map(([name, schema]) => [name, schema.description ?? '']);
  const environment = { ...Object.fromEntries(common), ...manifest.environment };
  return JSON.stringify({ ...manifest, version, build_nr: process.env.HERO_BUILD_NR ?? 'dev', environment }, null, 2);
}
