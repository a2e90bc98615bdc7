import { z } from 'zod';

/** What the bus, the gateway and the clients derive from a code. A new code needs only a line here. */
interface ErrorFacts {
  /** The same call can succeed later without being changed. */
  readonly retry: boolean;
  /** The status of a reply over plain HTTP. */
  readonly http: number;
  /** The `code` of a JSON-RPC error. */
  readonly rpc: number;
  /** Any method may answer with this code, so contracts do not list it. */
  readonly always: boolean;
  readonly meaning: string;
}

const RPC_ERROR = -32000;

/** The stable words of `data.code`. */
export const ERRORS = {
  NOT_FOUND: { retry: false, http: 404, rpc: RPC_ERROR, always: false, meaning: 'The named object does not exist.' },
  CONFLICT: {
    retry: false,
    http: 409,
    rpc: RPC_ERROR,
    always: false,
    meaning: 'Another object already has this name or key.',
  },
  INVALID_STATE: {
    retry: false,
    http: 409,
    rpc: RPC_ERROR,
    always: false,
    meaning: 'The object is in a state that does not allow this.',
  },
  INVALID_PARAMS: {
    retry: false,
    http: 400,
    rpc: -32602,
    always: true,
    meaning: 'The parameters are invalid; `data.issues` has every fault.',
  },
  ALREADY_RESUMED: {
    retry: false,
    http: 409,
    rpc: RPC_ERROR,
    always: false,
    meaning: 'The question has already been answered.',
  },
  SOURCE_INVALID: {
    retry: false,
    http: 422,
    rpc: RPC_ERROR,
    always: false,
    meaning: 'The source does not parse; `data.issues` has lines and columns.',
  },
  PAYLOAD_TOO_LARGE: {
    retry: false,
    http: 413,
    rpc: RPC_ERROR,
    always: true,
    meaning: 'The request or value is larger than the limit.',
  },
  UNAUTHORIZED: {
    retry: false,
    http: 401,
    rpc: RPC_ERROR,
    always: false,
    meaning: 'The token or session is missing or invalid.',
  },
  FORBIDDEN: {
    retry: false,
    http: 403,
    rpc: RPC_ERROR,
    always: false,
    meaning: 'The caller is known but not allowed to do this.',
  },
  RATE_LIMITED: { retry: true, http: 429, rpc: RPC_ERROR, always: false, meaning: 'Too many calls at the same time.' },
  TIMEOUT: {
    retry: true,
    http: 504,
    rpc: RPC_ERROR,
    always: true,
    meaning: 'No answer in time; the call may have taken effect.',
  },
  UNAVAILABLE: {
    retry: true,
    http: 503,
    rpc: RPC_ERROR,
    always: true,
    meaning: 'A service cannot be reached at the moment.',
  },
  INTERNAL: {
    retry: false,
    http: 500,
    rpc: -32603,
    always: true,
    meaning: 'A fault of the runtime; its log has the cause.',
  },
} as const satisfies Record<string, ErrorFacts>;
export type ErrorCode = keyof typeof ERRORS;
export const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** Errors of JSON-RPC itself, raised before a method is found. */
export const RPC_FAULTS = { PARSE_ERROR: -32700, INVALID_REQUEST: -32600, METHOD_NOT_FOUND: -32601 } as const;

/** One fault of the caller's parameters. `path` is dotted from the parameters' root, e.g. `input_data.topic`. */
export const Issue = z.object({ path: z.string(), message: z.string() });
export type Issue = z.infer<typeof Issue>;

export const ErrorData = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  retry: z.boolean(),
  /** All faults, where the parameters were refused. */
  issues: z.array(Issue).optional(),
  /** Facts for programs, e.g. `{resumed_at}` of ALREADY_RESUMED. */
  details: z.record(z.string(), z.unknown()).optional(),
});
export type ErrorData = z.infer<typeof ErrorData>;

interface HeroErrorOptions {
  issues?: Issue[];
  details?: Record<string, unknown>;
  cause?: unknown;
  retry?: boolean;
}

/**
 * The one error that crosses the bus and the gateway. The message says what to do next; `code` is for programs.
 * Any other error becomes INTERNAL in the reply; its text goes to the log only.
 */
export class HeroError extends Error {
  readonly issues?: Issue[];
  readonly details?: Record<string, unknown>;
  readonly retry: boolean;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: HeroErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HeroError';
    this.issues = options.issues;
    this.details = options.details;
    this.retry = options.retry ?? ERRORS[code].retry;
  }

  toData(): ErrorData {
    const { code, message, retry, issues, details } = this;
    return { code, message, retry, ...(issues && { issues }), ...(details && { details }) };
  }

  static from(data: ErrorData): HeroError {
    return new HeroError(data.code, data.message, { issues: data.issues, details: data.details, retry: data.retry });
  }
}

/** Converts zod's findings into the issues that a caller sees. */
export function issuesOf(error: z.ZodError, root: readonly PropertyKey[] = []): Issue[] {
  return error.issues.map((issue) => ({
    path: [...root, ...issue.path].map(String).join('.'),
    message: issue.message,
  }));
}
