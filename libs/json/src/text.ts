/**
 * Checks JSON text that the runtime stores without parsing it. PostgreSQL's `json` type refuses text that is not JSON, but accepts
 * escaped NUL characters and lone surrogates, which cannot be read back: this file finds those.
 */
import { messageOf, PAYLOAD_LIMIT } from '@hero/contracts';
import { jsonFaults } from './values.js';

/** A cheap test that seldom matches: only text that matches is parsed. */
const SUSPECT = /\\u(?:0000|[dD][89a-fA-F])|\0|\p{Surrogate}/u;

/** Why a text cannot be stored, with the path of the value; undefined if it can. */
export function jsonTextFault(text: string, root: string): string | undefined {
  if (!SUSPECT.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `${root} is not JSON: ${messageOf(error)}`;
  }
  const [fault] = jsonFaults(value, root).filter(({ message }) => /NUL|surrogate/.test(message));
  return fault && `${fault.path} ${fault.message}`;
}

/** The same for an outcome or an output, whose size is limited too. The play gets this message and may return less. */
export function payloadFault(text: string, root: string): string | undefined {
  if (!fits(text)) return `${root} has more than 16 MiB; put large data into a file, and return its name.`;
  return jsonTextFault(text, root);
}

/** Counts bytes only where the number of characters does not decide: one takes at most three bytes, a pair of surrogates four. */
export const fits = (text: string): boolean =>
  text.length <= PAYLOAD_LIMIT / 3 || (text.length <= PAYLOAD_LIMIT && Buffer.byteLength(text) <= PAYLOAD_LIMIT);
