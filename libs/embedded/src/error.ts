/** An embedded server could not be found, installed or started. The message says what happened, `remedy` what to do. */
export class EmbeddedServerError extends Error {
  override readonly name = 'EmbeddedServerError';
  constructor(
    what: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${what}\n${remedy}`, options);
  }
}
