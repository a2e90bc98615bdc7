/**
 * JSON text that the runtime stores without parsing it. PostgreSQL's `json` type refuses what is no JSON; what it would
 * take and nobody could read again is found here: NUL and lone surrogates, written or escaped.
 */
import { jsonFaults } from './json-values.js';

/** Cheap and rare: only a text in which this matches is parsed. */
const SUSPECT = /\\u(?:0000|[dD][89a-fA-F])|\0|\p{Surrogate}/u;

/** What keeps a text from being stored, with the path of the value; undefined for a text that is fine. */
export function jsonTextFault(text: string, root: string): string | undefined {
  if (!SUSPECT.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `${root} is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  const [fault] = jsonFaults(value, root).filter(({ message }) => /NUL|surrogate/.test(message));
  return fault && `${fault.path} ${fault.message}`;
}
