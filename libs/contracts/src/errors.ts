import { z } from 'zod';

/** The stable words of `data.code`, and whether the same call can succeed later without being changed. */
export const ERROR_CODES = {
  NOT_FOUND: false,
  CONFLICT: false,
  INVALID_STATE: false,
  INVALID_PARAMS: false,
  ALREADY_RESUMED: false,
  SOURCE_INVALID: false,
  PAYLOAD_TOO_LARGE: false,
  UNAUTHORIZED: false,
  FORBIDDEN: false,
  RATE_LIMITED: true,
  TIMEOUT: true,
  UNAVAILABLE: true,
  INTERNAL: false,
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

/** One fault of the caller's parameters. `path` is dotted from the parameters' root, e.g. `input_data.topic`. */
export const Issue = z.object({ path: z.string(), message: z.string() });
export type Issue = z.infer<typeof Issue>;

export const ErrorData = z.object({
  code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  retry: z.boolean(),
  /** Every fault at once, where the parameters were refused. */
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
 * Anything else that is thrown becomes INTERNAL at the door, with its text kept in the log and not in the reply.
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
    this.retry = options.retry ?? ERROR_CODES[code];
  }

  toData(): ErrorData {
    const { code, message, retry, issues, details } = this;
    return { code, message, retry, ...(issues && { issues }), ...(details && { details }) };
  }

  static from(data: ErrorData): HeroError {
    return new HeroError(data.code, data.message, { issues: data.issues, details: data.details, retry: data.retry });
  }
}

/** Turns what zod found into the issues a caller sees, every one at once. */
export function issuesOf(error: z.ZodError, root: readonly PropertyKey[] = []): Issue[] {
  return error.issues.map((issue) => ({
    path: [...root, ...issue.path].map(String).join('.'),
    message: issue.message,
  }));
}
