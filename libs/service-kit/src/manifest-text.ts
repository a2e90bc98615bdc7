import type { ServiceDefinition } from './define.js';
import { baseEnv } from './env.js';
import { readManifest } from './manifest.js';

/** What `--info` prints: the manifest as JSON, with what every service reads from its environment. */
export function describeService(definition: ServiceDefinition): string {
  const { manifest, version } = readManifest(definition.dir);
  const common = Object.entries(baseEnv.shape).map(([name, schema]) => [name, schema.description ?? '']);
  const environment = { ...Object.fromEntries(common), ...manifest.environment };
  return JSON.stringify({ ...manifest, version, build_nr: process.env.HERO_BUILD_NR ?? 'dev', environment }, null, 2);
}
