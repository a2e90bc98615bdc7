import { type Contract, ERROR_CODES, type ErrorCode, ErrorData, ERRORS } from '@hero/contracts';
import { EXAMPLES } from './examples.js';
import { type Schema, Schemas } from './schemas.js';

/** The OpenRPC document: it describes the gateway's methods, and the clients are generated from it. */
export interface OpenRpcDocument {
  openrpc: string;
  info: { title: string; version: string; description: string; license: { name: string } };
  methods: MethodEntry[];
  components: { schemas: Record<string, Schema>; errors: Record<string, ErrorEntry> };
}

export interface MethodEntry {
  name: string;
  summary: string;
  description?: string;
  tags: { name: string }[];
  paramStructure: 'by-name';
  params: ParamEntry[];
  result: { name: string; schema: Schema };
  errors: { $ref: string }[];
  examples?: { name: string; params: { name: string; value: unknown }[] }[];
  'x-role': string;
  /** The same call may be sent again after a lost reply. */
  'x-idempotent': boolean;
  /** The largest request, in bytes. */
  'x-max-bytes': number;
  /** The method waits: the parameter with its limit in milliseconds (0: none). Clients ask in slices. */
  'x-waits'?: string;
  /** A field of the resulting play that clients fetch if the reply has only a reference to it. */
  'x-whole'?: string;
}

export interface ParamEntry {
  name: string;
  description?: string;
  required: boolean;
  schema: Schema;
}

export interface ErrorEntry {
  code: number;
  message: string;
  data: { code: ErrorCode; retry: boolean };
}

const OPENRPC_VERSION = '1.3.2';
const VERSION = '0.1.0';
export function openRpcDocument(contracts: readonly Contract[]): OpenRpcDocument {
  const schemas = new Schemas();
  schemas.of(ErrorData, 'output');
  const methods = contracts.map((contract) => methodEntry(contract, schemas));
  return {
    openrpc: OPENRPC_VERSION,
    info: {
      title: 'Hero Logic',
      version: VERSION,
      description:
        'A runtime for runnable, observable, resumable Python flows. JSON-RPC 2.0 by POST /rpc; parameters by name; ' +
        'batches of at most 50 calls. Times are ISO 8601 UTC with milliseconds.',
      license: { name: 'Apache-2.0' },
    },
    methods,
    components: { schemas: schemas.components, errors: errorEntries() },
  };
}

function methodEntry(contract: Contract, schemas: Schemas): MethodEntry {
  const { name, summary, description } = contract;
  const params = paramEntries(schemas.of(contract.params, 'input'));
  const example = EXAMPLES[name];
  const waits = contract.waits && Object.keys(contract.waits.slice({}, 1) as object)[0];
  const errors = [...new Set([...contract.errors, ...ERROR_CODES.filter((code) => ERRORS[code].always)])];
  return {
    name,
    summary,
    ...(description && { description }),
    tags: [{ name: contract.service }],
    paramStructure: 'by-name',
    params,
    result: { name: `${name}_result`, schema: schemas.of(contract.result, 'output') },
    errors: errors.map((code) => ({ $ref: `#/components/errors/${code}` })),
    ...(example && {
      examples: [{ name, params: Object.entries(example).map(([key, value]) => ({ name: key, value })) }],
    }),
    'x-role': contract.role,
    'x-idempotent': contract.idempotent,
    'x-max-bytes': contract.maxBytes,
    ...(waits && { 'x-waits': waits }),
    ...(contract.whole && { 'x-whole': contract.whole }),
  };
}

function paramEntries(schema: Schema): ParamEntry[] {
  const required = new Set(schema.required);
  const entries = Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    ...(property.description && { description: property.description }),
    required: required.has(name),
    schema: property,
  }));
  // Required parameters first, as in the signatures of the clients.
  return [...entries.filter((entry) => entry.required), ...entries.filter((entry) => !entry.required)];
}

function errorEntries(): Record<string, ErrorEntry> {
  return Object.fromEntries(
    ERROR_CODES.map((code) => {
      const { rpc, meaning, retry } = ERRORS[code];
      return [code, { code: rpc, message: meaning, data: { code, retry } }];
    }),
  );
}
