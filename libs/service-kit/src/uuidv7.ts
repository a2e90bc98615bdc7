import { randomFillSync } from 'node:crypto';

const POOL = Buffer.allocUnsafe(10 * 256);
let used = POOL.length;
let lastMs = 0;
let counter = 0;

/** A UUID whose text sorts by its creation time; within one process also inside a millisecond. */
export function uuidv7(): string {
  if (used === POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  const random = POOL.subarray(used, used + 10);
  used += 10;
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    // Starts low in its 12 bits, so that there is room to count up.
    counter = random.readUInt16BE(0) & 0x3ff;
  } else if (++counter > 0xfff) {
    lastMs++;
    counter = random.readUInt16BE(0) & 0x3ff;
  }
  const time = lastMs.toString(16).padStart(12, '0');
  const variant = ((random[2] ?? 0) & 0x3f) | 0x80;
  const tail = random.toString('hex', 3, 10);
  const a = (0x7000 | counter).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-${a}-${variant.toString(16)}${tail.slice(0, 2)}-${tail.slice(2)}`;
}
