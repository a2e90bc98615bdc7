export { AsyncDisposableStack } from './async-disposable-stack.js';
export { type Connected, connected } from './connected.js';
export { type TestDatabase, testDatabase } from './database.js';
export { readGolden } from './golden.js';
export { runFolder } from './run-folder.js';
export { type TestServer, testNats, testPostgres, testServers } from './servers.js';
export { type TempFolder, tempFolder } from './temp-folder.js';
export { until } from './until.js';
