/** What a contract of a method is, and how one is declared. */
import type { z } from 'zod';
import type { ErrorCode } from './errors.js';

/** The services of the runtime. A contract is answered by exactly one of them. */
export const SERVICES = ['registry', 'executor', 'span-ingest', 'library-search', 'admin-gateway'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** What a caller at the gateway must be allowed to do: each role includes the ones before it. */
export type Role = 'viewer' | 'runner' | 'author' | 'admin';

/**
 * One request/reply method: its name, its shapes, who answers it and who may ask.
 * Everything else (subject, validation, OpenRPC entry, clients, handler types) is derived from this object.
 */
export interface Contract<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly service: ServiceName;
  readonly params: P;
  readonly result: R;
  readonly summary: string;
  /** Shapes, units and rules that the summary does not carry; ends up in OpenRPC and in the clients' docstrings. */
  readonly description: string;
  readonly errors: readonly ErrorCode[];
  /** `public` methods are offered by the gateway; `inner` ones exist on the bus only. */
  readonly visibility: 'public' | 'inner';
  readonly role: Role;
  /**
   * Largest accepted request, in bytes. 1 MiB unless the method takes sources or payloads: those may double on the way, by escapes
   * or by being quoted; the payload itself is measured where it arises.
   */
  readonly maxBytes: number;
  /** How long an asker waits for the reply unless it says otherwise, in milliseconds. */
  readonly replyWithinMs: number;
  /**
   * Set on methods that wait for something to happen. The asker then waits in slices, so that a service that restarts
   * in between loses nobody: `slice` makes the parameters of one slice, `done` tells whether its result ends the wait.
   */
  readonly waits?: Waits<z.output<P>, z.output<R>>;
  /** A field of the resulting play that is what was asked for: where it is referred to, the clients fetch it. */
  readonly whole?: string;
  /** The reply is read from stored spans: the gateway first waits until the events of an ended play have been stored. */
  readonly readsSpans: boolean;
  /** The same call may be sent again after a lost reply without a second effect. */
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
