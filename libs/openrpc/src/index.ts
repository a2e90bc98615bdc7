export { HeroClient, HeroError, httpTransport, unixTransport } from '../generated/hero_logic_client.js';
export type { CallOptions, Change, Follow, Transport } from '../generated/hero_logic_client.js';
export type * as shapes from '../generated/hero_logic_client.js';
export { openRpcDocument } from './document.js';
export type { ErrorEntry, MethodEntry, OpenRpcDocument, ParamEntry } from './document.js';
export { generatedFiles } from './generated-files.js';
export { pythonClient } from './python.js';
export { typescriptClient } from './typescript.js';
