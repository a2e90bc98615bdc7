import { HeroClient, HeroError, unixTransport } from '@hero/openrpc/client';
import { rpcSocket } from './run-state.js';

export type Hero = HeroClient;

/** The gateway of this HERO_HOME, by its unix socket: the folder's permissions are the key, no token is needed. */
export const connect = (home: string): Hero => new HeroClient(unixTransport(rpcSocket(home)));
export const isHeroError = (error: unknown): error is HeroError => error instanceof HeroError;
