export { EmbeddedServerError } from './error.js';
export { cacheFolder, stateFolder } from './folders.js';
export { type KeepRunning, type KeptServer, keepRunning } from './keep-running.js';
export { findNats, type NatsOptions, startNats, stopNats } from './nats.js';
export {
  debianPackage,
  goInstall,
  inCache,
  type NatsSource,
  natsSources,
  officialRelease,
  onPath,
} from './nats-sources.js';
export { type PostgresOptions, startPostgres, stopPostgres } from './postgres.js';
export { emptyOfProcesses, endProcess, isAlive, processesIn, processStart, signal } from './processes.js';
export type { EmbeddedServer, ServerDeath, ServerOptions } from './server-kind.js';
