/** Every mutation; the table is held against the built code by a test. */
import type { Mutation } from './mutation.js';
import { OF_PLAYS } from './mutations-of-plays.js';
import { OF_STEPS } from './mutations-of-steps.js';

export const MUTATIONS: readonly Mutation[] = [...OF_PLAYS, ...OF_STEPS];
