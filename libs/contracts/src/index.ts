export { contract, MIB, PAYLOAD_LIMIT, SERVICES, subjectOf } from './contract.js';
export type { Contract, Params, ParamsInput, Result, Role, ServiceName, Waits } from './contract.js';
export { ERROR_CODES, ErrorData, HeroError, Issue, issuesOf } from './errors.js';
export type { ErrorCode } from './errors.js';
