/** The type of a method's contract, and how one is declared. */
import type { z } from 'zod';
import type { ErrorCode } from './errors.js';

/** The services of the runtime. Exactly one of them answers a contract. */
export const SERVICES = ['registry', 'executor', 'span-ingest', 'library-search', 'admin-gateway'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** The role that a caller at the gateway needs. Each role includes the ones before it. */
export type Role = 'viewer' | 'runner' | 'author' | 'admin';

/**
 * One request/reply method: its name, its shapes, the service that answers it and the role that may call it.
 * Everything else (subject, validation, OpenRPC entry, clients, handler types) is derived from this object.
 */
export interface Contract<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly service: ServiceName;
  readonly params: P;
  readonly result: R;
  readonly summary: string;
  /** Shapes, units and rules that the summary leaves out; part of the OpenRPC document and of the clients' docstrings. */
  readonly description: string;
  readonly errors: readonly ErrorCode[];
  /** `public` methods are offered by the gateway; `inner` ones exist on the bus only. */
  readonly visibility: 'public' | 'inner';
  readonly role: Role;
  /**
   * Largest accepted request, in bytes. 1 MiB unless the method takes sources or payloads: escaping or quoting may double their
   * size in the request. The payload itself is measured where it is produced.
   */
  readonly maxBytes: number;
  /** Default time that a caller waits for the reply, in milliseconds. */
  readonly replyWithinMs: number;
  /**
   * Set on methods that wait for something to happen. The caller then waits in slices, so that the wait survives a restart of the
   * service: `slice` makes the parameters of one slice, `done` tells whether its result ends the wait.
   */
  readonly waits?: Waits<z.output<P>, z.output<R>>;
  /** The field of the resulting play that the caller wants. Where it is a reference, the clients fetch the value. */
  readonly whole?: string;
  /** The reply is made from stored spans, so the gateway first waits until the events of an ended play are stored. */
  readonly readsSpans: boolean;
  /** The same call may be sent again after a lost reply: it has no second effect. */
  readonly idempotent: boolean;
}

export interface Waits<P, R> {
  /** The caller's limit in milliseconds; 0 means none. */
  limitMs(params: P): number;
  slice(params: P, sliceMs: number): P;
  done(params: P, result: R): boolean;
}

export type Params<C extends Contract> = z.output<C['params']>;
export type ParamsInput<C extends Contract> = z.input<C['params']>;
export type Result<C extends Contract> = z.output<C['result']>;

export const MIB = 1024 * 1024;
/** The largest input, step output, answer or result: 16 MiB of JSON text. */
export const PAYLOAD_LIMIT = 16 * MIB;
const ENVELOPE = 64 * 1024;

type ContractOptions<P extends z.ZodType, R extends z.ZodType> = Pick<
  Contract<P, R>,
  'name' | 'service' | 'params' | 'result' | 'summary'
> &
  Partial<
    Pick<
      Contract<P, R>,
      'description' | 'errors' | 'visibility' | 'role' | 'waits' | 'whole' | 'readsSpans' | 'idempotent'
    >
  > & {
    /** The method carries sources or payloads of 16 MiB. */
    large?: boolean;
    replyWithinMs?: number;
  };

/** Declares one method. Public, for viewers, small and not idempotent unless it says otherwise. */
export function contract<P extends z.ZodType, R extends z.ZodType>(options: ContractOptions<P, R>): Contract<P, R> {
  const { large = false, ...given } = options;
  return {
    description: '',
    errors: [],
    visibility: 'public',
    role: 'viewer',
    maxBytes: large ? 2 * PAYLOAD_LIMIT + ENVELOPE : MIB,
    replyWithinMs: 10_000,
    readsSpans: false,
    idempotent: false,
    ...given,
  };
}

/** The NATS subject on which a contract's service answers it: `hero.<service>.<name>`. */
export function subjectOf(contract: Contract): string {
  return `hero.${contract.service}.${contract.name}`;
}
