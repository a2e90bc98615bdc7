/**
 * The vectors of the flows in memory, and the nearest ones to the vector of a query.
 *
 * 1. A vector is kept as bytes (one per dimension, with one scale) and as the signs of its dimensions (one bit each). With 384
 *    dimensions that is 436 bytes a flow.
 * 2. Small libraries are compared exactly. In larger ones, first the signs are compared, which reads an eighth of the memory; those
 *    that agree most, at least OVERSAMPLED times as many as wanted, are then compared exactly.
 */

const EXACT_TO = 2_000;
const OVERSAMPLED = 6;

/** A vector as bytes: dimension = byte × scale. */
export interface PackedVector {
  bytes: Int8Array;
  scale: number;
}

/** Normalises a vector and packs it. */
export function pack(vector: ArrayLike<number>): PackedVector {
  const length = Math.hypot(...Array.from(vector)) || 1;
  let largest = 0;
  for (let i = 0; i < vector.length; i++) largest = Math.max(largest, Math.abs((vector[i] as number) / length));
  const scale = largest / 127 || 1;
  return { bytes: Int8Array.from(vector, (value) => Math.round(value / length / scale)), scale };
}

export class VectorIndex {
  /** How many slots have a vector. */
  size = 0;
  private readonly words: number;
  private bytes: Int8Array;
  private signs: Int32Array;
  /** 0: the slot has no vector. */
  private scales = new Float32Array(64);

  constructor(readonly dimensions: number) {
    this.words = Math.ceil(dimensions / 32);
    this.bytes = new Int8Array(64 * dimensions);
    this.signs = new Int32Array(64 * this.words);
  }

  has(slot: number): boolean {
    return (this.scales[slot] ?? 0) > 0;
  }

  put(slot: number, { bytes, scale }: PackedVector): void {
    this.makeRoom(slot);
    if (!this.has(slot)) this.size++;
    this.bytes.set(bytes, slot * this.dimensions);
    this.signs.set(signsOf(bytes, this.words), slot * this.words);
    this.scales[slot] = scale;
  }

  remove(slot: number): void {
    if (!this.has(slot)) return;
    this.scales[slot] = 0;
    this.size--;
  }

  cosine(query: PackedVector, slot: number): number {
    if (!this.has(slot)) return 0;
    const { bytes } = query;
    let sum = 0;
    for (let i = 0, at = slot * this.dimensions; i < bytes.length; i++, at++)
      sum += (bytes[i] as number) * (this.bytes[at] as number);
    return sum * query.scale * (this.scales[slot] as number);
  }

  /** About the `wanted` nearest slots, in no order; of the given slots, or of all. */
  nearest(query: PackedVector, wanted: number, among?: readonly number[]): number[] {
    const slots = among?.filter((slot) => this.has(slot)) ?? this.all();
    if (slots.length <= wanted) return [...slots];
    const near = slots.length <= EXACT_TO ? slots : this.agreeing(query, slots, wanted * OVERSAMPLED);
    const cosines = new Float32Array(near.length);
    for (let i = 0; i < near.length; i++) cosines[i] = this.cosine(query, near[i] as number);
    const least = cosines.toSorted()[cosines.length - wanted] ?? -1;
    return Array.from(near).filter((_, i) => (cosines[i] as number) >= least);
  }

  private all(): Uint32Array {
    const slots = new Uint32Array(this.size);
    for (let slot = 0, at = 0; at < this.size; slot++) if (this.has(slot)) slots[at++] = slot;
    return slots;
  }

  /** The slots whose signs agree most: at least `wanted`, and those that agree as much as the last of them. */
  private agreeing(query: PackedVector, slots: ArrayLike<number>, wanted: number): number[] {
    const signs = signsOf(query.bytes, this.words);
    const { words } = this;
    const differing = new Uint16Array(slots.length);
    const having = new Uint32Array(this.dimensions + 1);
    for (let i = 0; i < slots.length; i++) {
      const at = (slots[i] as number) * words;
      const count = bitsOfDifference(signs, this.signs, at);
      differing[i] = count;
      having[count] = (having[count] as number) + 1;
    }
    let most = 0;
    for (let sum = having[0] as number; sum < wanted && most < this.dimensions; ) sum += having[++most] as number;
    const found: number[] = [];
    for (let i = 0; i < slots.length; i++) if ((differing[i] as number) <= most) found.push(slots[i] as number);
    return found;
  }

  private makeRoom(slot: number): void {
    if (slot < this.scales.length) return;
    const slots = Math.max(slot + 1, this.scales.length * 2);
    const grown = <A extends Int8Array | Int32Array | Float32Array>(larger: A, from: A): A => {
      larger.set(from);
      return larger;
    };
    this.bytes = grown(new Int8Array(slots * this.dimensions), this.bytes);
    this.signs = grown(new Int32Array(slots * this.words), this.signs);
    this.scales = grown(new Float32Array(slots), this.scales);
  }
}

/**
 * The number of bits in which `a` differs from `b` from `at` on. Of three words at a time the bits are counted in groups of four bits and then of
 * bytes, which needs half of the operations of counting each word by itself.
 */
function bitsOfDifference(a: Int32Array, b: Int32Array, at: number): number {
  let count = 0;
  for (let w = 0; w < a.length; w += 3) {
    let groups = 0;
    for (let i = w; i < w + 3 && i < a.length; i++) {
      let v = (a[i] as number) ^ (b[at + i] as number);
      v -= (v >>> 1) & 0x55555555;
      groups += (v & 0x33333333) + ((v >>> 2) & 0x33333333);
    }
    const bytes = (groups & 0x0f0f0f0f) + ((groups >>> 4) & 0x0f0f0f0f);
    count += Math.imul(bytes, 0x01010101) >>> 24;
  }
  return count;
}

function signsOf(bytes: Int8Array, words: number): Int32Array {
  const signs = new Int32Array(words);
  for (let i = 0; i < bytes.length; i++)
    if ((bytes[i] as number) >= 0) signs[i >> 5] = (signs[i >> 5] as number) | (1 << (i & 31));
  return signs;
}
