export { didYouMean } from './did-you-mean.js';
export { mostBytes } from './most-bytes.js';
export { itemsOf, membersOf } from './members.js';
export type { Scan, ScannedCall } from './scan.js';
export { refusedKeys, scanJson } from './scan.js';
export { checkSchema, isOfType, TooCostly } from './schema.js';
export type { Schema } from './schema-faults.js';
export { schemaFaults } from './schema-faults.js';
export { fits, jsonTextFault, payloadFault } from './text.js';
export {
  canonicalText,
  describe,
  ISSUE_LIMIT,
  jsonFaults,
  numberFault,
  pathTo,
  refuseUnstorable,
  sameJson,
  written,
} from './values.js';
export { isRecord, wellFormed } from './well-formed.js';
