/**
 * JSON text that the runtime stores without parsing it. PostgreSQL's `json` type refuses text that is not JSON; what it would
 * take and nobody could read again is found here: NUL and lone surrogates, written or escaped.
 */
import { messageOf, PAYLOAD_LIMIT } from '@hero/contracts';
import { jsonFaults } from './values.js';

/** Cheap and rare: only a text in which this matches is parsed. */
const SUSPECT = /\\u(?:0000|[dD][89a-fA-F])|\0|\p{Surrogate}/u;

/** What keeps a text from being stored, with the path of the value; undefined for a text that is fine. */
export function jsonTextFault(text: string, root: string): string | undefined {
  if (!SUSPECT.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `${root} is no JSON: ${messageOf(error)}`;
  }
  const [fault] = jsonFaults(value, root).filter(({ message }) => /NUL|surrogate/.test(message));
  return fault && `${fault.path} ${fault.message}`;
}

/** The same of an outcome or an output, which also has a size: the play that wrote it is told, and may write less. */
export function payloadFault(text: string, root: string): string | undefined {
  if (!fits(text)) return `${root} has more than 16 MiB; put large data into a file, and return its name.`;
  return jsonTextFault(text, root);
}

/** Counts bytes only where characters do not decide it: a character takes three bytes at most, a pair of surrogates four. */
export const fits = (text: string): boolean =>
  text.length <= PAYLOAD_LIMIT / 3 || (text.length <= PAYLOAD_LIMIT && Buffer.byteLength(text) <= PAYLOAD_LIMIT);
