import type { Contract } from './contract.js';
import * as packages from './packages.js';
import * as plays from './play-methods.js';
import * as runs from './runs.js';
import * as spans from './span-methods.js';
import * as system from './system-methods.js';
import * as waits from './waits.js';
import * as workflows from './workflow-methods.js';

const isContract = (value: unknown): value is Contract =>
  typeof value === 'object' && value !== null && 'service' in value && 'params' in value;

/** All contracts, by name. The gateway, the OpenRPC document and the clients are made from the public ones. */
export const CATALOGUE: ReadonlyMap<string, Contract> = new Map(
  [workflows, plays, packages, runs, waits, spans, system]
    .flatMap((module) => Object.values(module))
    .filter(isContract)
    .map((c) => [c.name, c]),
);

export const publicContracts = (): Contract[] => [...CATALOGUE.values()].filter((c) => c.visibility === 'public');
