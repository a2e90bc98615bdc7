/**
 * Where the events of a batch stand in its bytes, so that they are never written a second time: what listeners and readers get
 * is, byte for byte, what the emitter wrote (1.0 stays 1.0).
 */

const [QUOTE, COMMA, BACKSLASH] = [34, 44, 92];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];
const EVENTS = Buffer.from('"events":[');
const BOUNDARY = Buffer.from('},{"type":"');
const LAID_OUT = /^\{"play_sid":"[^"\\]*","attempt":\d+,"source":"[^"\\]*","batch":\d+,"events":\[\{"type":"/;
const LONGEST_HEAD = 512;

/**
 * From where to where each event goes: `cuts[2 * i]` and `cuts[2 * i + 1]`. `body` is a JSON object that has been parsed, with
 * `count` events as its last member; undefined where it is laid out in another way.
 *
 * `typeFirst`: the type is the first member of each event. JSON.stringify puts nothing between two events but a comma. So each
 * boundary looks like BOUNDARY, which stands in no string (its quotes would be escaped); where there are as many as there must
 * be, none of them is within an event.
 */
export function eventCuts(body: Buffer, count: number, typeFirst = false): number[] | undefined {
  const start = body.indexOf(EVENTS);
  if (start < 0) return undefined;
  const from = start + EVENTS.length;
  return (typeFirst ? cutAtBoundaries(body, from, count) : undefined) ?? cutByScanning(body, start, from, count);
}

function cutAtBoundaries(body: Buffer, from: number, count: number): number[] | undefined {
  if (!LAID_OUT.test(body.toString('latin1', 0, LONGEST_HEAD))) return undefined;
  if (body.length < from + 3 || body.toString('latin1', body.length - 3) !== '}]}') return undefined;
  const cuts = [from];
  for (let at = body.indexOf(BOUNDARY, from); at >= 0; at = body.indexOf(BOUNDARY, at + 1)) {
    if (cuts.length > 2 * count) return undefined;
    cuts.push(at + 1, at + 2);
  }
  cuts.push(body.length - 2);
  return cuts.length === 2 * count ? cuts : undefined;
}

function cutByScanning(body: Buffer, start: number, from: number, count: number): number[] | undefined {
  const cuts: number[] = [];
  let at = from;
  while (cuts.length < 2 * count) {
    if (body[at] !== OPEN_OBJECT) return undefined;
    const end = endOfObject(body, at);
    cuts.push(at, end);
    at = end + 1;
    if (body[end] !== (cuts.length < 2 * count ? COMMA : CLOSE_LIST)) return undefined;
  }
  // Nothing but the end may follow, so that it cannot have been the `events` of something inside.
  return body[at] === CLOSE_OBJECT && at === body.length - 1 && isTopLevel(body, start) ? cuts : undefined;
}

/** Before it there is one open object only. */
function isTopLevel(body: Buffer, before: number): boolean {
  let depth = 0;
  for (let at = 0; at < before; at++) {
    const byte = body[at];
    if (byte === QUOTE) at = endOfString(body, at);
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth--;
    if (at >= before) return false;
  }
  return depth === 1;
}

/** The index after the object that begins here. */
function endOfObject(body: Buffer, from: number): number {
  let depth = 0;
  for (let at = from; at < body.length; at++) {
    const byte = body[at];
    if (byte === QUOTE) at = endOfString(body, at);
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
    else if ((byte === CLOSE_OBJECT || byte === CLOSE_LIST) && --depth === 0) return at + 1;
  }
  return body.length;
}

/** The closing quote of the string that begins here. */
function endOfString(body: Buffer, from: number): number {
  let at = from + 1;
  while (at < body.length && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1;
  return at;
}
