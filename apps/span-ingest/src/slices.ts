/**
 * The texts of the events of a batch, cut out of the message instead of written again: a tenth of the cost of
 * JSON.stringify at 80,000 events a second, and byte for byte what the emitter wrote (1.0 stays 1.0).
 */

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];

/** `text` is a JSON object that has been parsed; undefined where its last member `events` cannot be cut into `count` objects. */
export function eventTexts(text: string, count: number): string[] | undefined {
  const start = text.indexOf('"events":[');
  if (start < 0) return undefined;
  const texts: string[] = [];
  let i = start + '"events":['.length;
  while (texts.length < count) {
    if (text.charCodeAt(i) !== OPEN_OBJECT) return undefined;
    const end = endOfObject(text, i);
    texts.push(text.slice(i, end));
    i = end + 1;
    if (text.charCodeAt(end) !== (texts.length < count ? COMMA : CLOSE_LIST)) return undefined;
  }
  // Nothing but the end may follow, so that it cannot have been the `events` of something inside.
  return text.charCodeAt(i) === CLOSE_OBJECT && i === text.length - 1 && isTopLevel(text, start) ? texts : undefined;
}

/** Before it there is one open object only. */
function isTopLevel(text: string, at: number): boolean {
  let depth = 0;
  for (let i = 0; i < at; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === OPEN_OBJECT || code === OPEN_LIST) depth++;
    else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth--;
    if (i >= at) return false;
  }
  return depth === 1;
}

/** The index after the object that begins here. */
function endOfObject(text: string, from: number): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === OPEN_OBJECT || code === OPEN_LIST) depth++;
    else if ((code === CLOSE_OBJECT || code === CLOSE_LIST) && --depth === 0) return i + 1;
  }
  return text.length;
}

/** The closing quote of the string that begins here. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}
