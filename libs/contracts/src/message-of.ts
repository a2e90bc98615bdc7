/** What an error says, whatever was thrown. One that gathers others (AggregateError) says what each of them does. */
export function messageOf(error: unknown): string {
  // By its fields: an error may come from another realm (a thread, a vm), where instanceof does not hold.
  const { message, errors } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  if (Array.isArray(errors) && errors.length > 0) return errors.map(messageOf).join('; ');
  return typeof message === 'string' && message !== '' ? message : String(error);
}
