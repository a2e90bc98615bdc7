import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ServiceDefinition } from './define.js';
import { runServices } from './run.js';

/** Runs the services of these main modules in this process, once `environment` is complete; each default-exports its ServiceDefinition. */
export async function hostServices(paths: readonly string[], environment?: Promise<void>): Promise<void> {
  const modules = await Promise.all(paths.map((path) => import(pathToFileURL(resolve(path)).href) as Promise<unknown>));
  await environment;
  await runServices(modules.map((module, index) => definitionOf(module, paths[index] ?? '')));
}

function definitionOf(module: unknown, path: string): ServiceDefinition {
  const found = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined;
  if (typeof found === 'object' && found !== null && 'module' in found && 'dir' in found) {
    return found as ServiceDefinition;
  }
  throw new Error(`${path} has no ServiceDefinition as its default export; write export default defineService({…}).`);
}
