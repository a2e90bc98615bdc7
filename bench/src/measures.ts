/** What is measured on a street, each by itself, so that two streets can take turns. */
import type { Street } from '@hero/conformance';
import type { HeroClient } from '@hero/openrpc';
import type { Figure } from './figures.js';
import { memory } from './machine.js';
import {
  commitFloor,
  durableSteps,
  fanOut,
  pauseToRunning,
  pipelinedSteps,
  spanToSse,
  spawnedChildren,
  trivialPlays,
} from './plays.js';
import { spansIntoPostgres } from './spans.js';

export interface Measured {
  street: Street;
  hero: HeroClient;
}

export type Measure = (on: Measured) => Promise<Figure[]>;

const MEASURES: Readonly<Record<string, Measure>> = {
  'trivial play': ({ hero }) => trivialPlays(hero),
  'durable step': async ({ street, hero }) => {
    const floor = await commitFloor(street.databaseUrl);
    return [floor, ...(await durableSteps(hero, floor))];
  },
  'pipelined step': ({ hero }) => pipelinedSteps(hero),
  spawn: async ({ hero }) => [await spawnedChildren(hero)],
  'fan-out and replay': ({ hero }) => fanOut(hero),
  pause: ({ street, hero }) => pauseToRunning(street, hero),
  sse: ({ hero }) => spanToSse(hero),
  spans: async ({ street }) => [await spansIntoPostgres(street)].flat(),
  memory: ({ street }) => memory(street),
};

/** All of them, or those whose names hold one of the words. */
export const measuresOf = (words: readonly string[]): [string, Measure][] =>
  Object.entries(MEASURES).filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)));
