/** The message of any thrown value. For an AggregateError: the messages of its errors. */
export function messageOf(error: unknown): string {
  // Checks fields, because instanceof fails for errors of another realm (a worker thread, a vm).
  const { message, errors } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  if (Array.isArray(errors) && errors.length > 0) return errors.map(messageOf).join('; ');
  return typeof message === 'string' && message !== '' ? message : String(error);
}
