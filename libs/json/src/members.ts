/**
 * JSON text taken apart without parsing what is inside: so that a part keeps its text, with the order of its keys.
 * The text must be JSON; whoever is not sure has it parsed before.
 */
const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Keys and texts of the members of an object, in their order; a key that stands twice counts as JSON.parse does, the last. */
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
  /** Of a member; -1: of an item. */
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

/** Of the string that begins here: where its closing quote stands. */
function endOfString(text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
