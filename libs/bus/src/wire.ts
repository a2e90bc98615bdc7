/** The headers and bodies of messages on the bus. */
import { type Contract, HeroError, issuesOf, PAYLOAD_LIMIT, RawJson, stringify } from '@hero/contracts';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import type { z } from 'zod';

/** Who asks: the name its connection was opened with. */
export const CALLER = 'hero-caller';
/** Set on a reply whose body is ErrorData; its value is the error's code. */
export const ERROR = 'hero-error';
/** Set on a stub: its sender holds the body, in this number of pages and bytes; the receiver fetches it on that subject. */
export const PAGES = 'hero-pages';
export const BYTES = 'hero-bytes';
export const FROM = 'hero-from';

/** The largest reply: a Play carries its input, its output and its answers, each up to 16 MiB. */
export const REPLY_LIMIT = 4 * PAYLOAD_LIMIT;

/** JSON has no `undefined`: a handler without a result answers null. */
export function encode(value: unknown): Buffer {
  return Buffer.from(stringify(value));
}

export function decode(body: Uint8Array): unknown {
  return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
}

/** Set where parameters that are kept as text stand behind the others: how many bytes those have, then name and bytes of each. */
export const KEPT = 'hero-kept';

/** Parameters on their way: nobody quotes or parses those that are kept as text. */
export function encodeParams(params: unknown): { body: Buffer; kept?: string } {
  const members = Object.entries(params ?? {});
  const kept = members.filter((member): member is [string, RawJson] => member[1] instanceof RawJson);
  if (kept.length === 0) return { body: encode(params) };
  const head = encode(Object.fromEntries(members.filter(([, value]) => !(value instanceof RawJson))));
  const texts = kept.map(([, { text }]) => Buffer.from(text));
  const sizes = kept.map(([name], index) => [name, texts[index]?.length]);
  return { body: Buffer.concat([head, ...texts]), kept: JSON.stringify([head.length, ...sizes]) };
}

export function decodeParams(body: Uint8Array, kept: string | undefined): unknown {
  if (!kept) return decode(body);
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const [head, ...sizes] = JSON.parse(kept) as [number, ...[string, number][]];
  let from = head;
  const texts = sizes.map(([name, size]) => [name, new RawJson(bytes.toString('utf8', from, (from += size)))]);
  return { ...(decode(bytes.subarray(0, head)) as object), ...Object.fromEntries(texts) };
}

export interface Stub {
  pages: number;
  bytes: number;
  from: string;
}

export function stubOf(headers: MsgHdrs | undefined): Stub | undefined {
  if (!headers?.has(PAGES)) return undefined;
  const stub = { pages: Number(headers.get(PAGES)), bytes: Number(headers.get(BYTES)), from: headers.get(FROM) };
  const sound = Number.isSafeInteger(stub.pages) && Number.isSafeInteger(stub.bytes) && stub.from !== '';
  if (!sound || stub.pages < 1 || stub.pages > stub.bytes) {
    throw new HeroError('INVALID_PARAMS', 'The headers of a large message are damaged; send it again.');
  }
  return stub;
}

/** The size that a message declares, whether it carries its body or its sender still holds it. */
export function claimedBytes(message: Msg, stub: Stub | undefined): number {
  return stub ? stub.bytes : message.data.length;
}

export function tooLarge(what: string, bytes: number, limit: number): HeroError {
  return new HeroError(
    'PAYLOAD_TOO_LARGE',
    `${what} has ${bytes} bytes and may have ${limit}; keep large data in a file and pass its path.`,
    { details: { bytes, limit } },
  );
}

export function paramsFault(contract: Contract, error: z.ZodError): HeroError {
  return new HeroError('INVALID_PARAMS', `The parameters of ${contract.name} are invalid; see issues.`, {
    issues: issuesOf(error),
  });
}
