/**
 * Splits JSON text into its members without parsing their values, so that each value keeps its text and the order of its keys.
 * The text must be valid JSON; a caller that is not sure parses it first.
 */
const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Keys and texts of the members of an object, in order; of a repeated key the last value counts, as for JSON.parse. */
export function membersOf(text: string): Map<string, string> {
  const members = new Map<string, string>();
  for (const { from, colon, to } of partsOf(text)) {
    members.set(JSON.parse(text.slice(from, colon)) as string, text.slice(colon + 1, to).trim());
  }
  return members;
}

/** The texts of the items of a list. */
export const itemsOf = (text: string): string[] =>
  Array.from(partsOf(text), ({ from, to }) => text.slice(from, to).trim());

interface Part {
  from: number;
  /** Position of the colon of a member; -1 for an item of a list. */
  colon: number;
  to: number;
}

function* partsOf(text: string): Generator<Part> {
  let depth = 0;
  let from = 0;
  let colon = -1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (++depth === 1) from = at + 1;
    } else if (code === COLON && depth === 1 && colon < 0) colon = at;
    else if (code === COMMA || code === CLOSE_LIST || code === CLOSE_OBJECT) {
      const closes = code !== COMMA;
      if (depth === 1 && (!closes || text.slice(from, at).trim() !== '')) yield { from, colon, to: at };
      if (depth === 1) [from, colon] = [at + 1, -1];
      if (closes) depth--;
    }
  }
}

/** Position of the closing quote of the string that begins here. */
function endOfString(text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
