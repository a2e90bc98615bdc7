/**
 * The words of the library and their stems: what an exact word, the beginning of a word, or a misspelled word of a query stands for.
 *
 * A query with a misspelled word is compared with all words of the library, so the comparison is cheap for those that cannot be
 * meant: the lengths and the sets of letters (26 bits) must nearly agree before an edit distance is computed.
 */
import { stem } from './stems.js';

export interface Meant {
  stem: string;
  weight: number;
}

const PER_EDIT = 0.7;
const BEGINNING = 0.7;
const INSIDE = 0.4;
const LEAST_BEGINNING = 2;
const LEAST_INSIDE = 3;
/** Shorter words are not corrected: too many others are near. */
const LEAST_CORRECTED = 4;
const ONE_EDIT_TO = 6;
const LETTERS = /^\p{L}+$/u;

export class Vocabulary {
  private readonly ids = new Map<string, number>();
  private readonly words: string[] = [];
  private readonly stems: string[] = [];
  /** How many flows contain the word; 0: the place is free. */
  private readonly flows: number[] = [];
  /** The letters that a word has, one bit each. */
  private letters = new Int32Array(1024);
  private readonly free: number[] = [];
  /** Words by their first two characters. */
  private readonly byBeginning = new Map<string, Set<number>>();

  /** Notes that one more flow contains a word; returns its stem. */
  add(word: string): string {
    let id = this.ids.get(word);
    if (id === undefined) {
      id = this.free.pop() ?? this.words.length;
      this.ids.set(word, id);
      this.words[id] = word;
      this.stems[id] = stem(word);
      this.letters = setAt(this.letters, id, lettersOf(word));
      this.flows[id] = 0;
      const key = word.slice(0, LEAST_BEGINNING);
      const same = this.byBeginning.get(key) ?? new Set();
      this.byBeginning.set(key, same.add(id));
    }
    this.flows[id] = (this.flows[id] ?? 0) + 1;
    return this.stems[id] as string;
  }

  /** Notes that one flow fewer contains a word; returns its stem. */
  release(word: string): string {
    const id = this.ids.get(word);
    if (id === undefined) return stem(word);
    this.flows[id] = (this.flows[id] ?? 0) - 1;
    if (this.flows[id] === 0) {
      this.ids.delete(word);
      this.free.push(id);
      const key = word.slice(0, LEAST_BEGINNING);
      this.byBeginning.get(key)?.delete(id);
      if (this.byBeginning.get(key)?.size === 0) this.byBeginning.delete(key);
    }
    return this.stems[id] as string;
  }

  has(word: string): boolean {
    return this.ids.has(word);
  }

  /** The stems of the words that begin with these letters. */
  beginningWith(letters: string): Meant[] {
    if (letters.length < LEAST_BEGINNING) return [];
    const found: Meant[] = [];
    for (const id of this.byBeginning.get(letters.slice(0, LEAST_BEGINNING)) ?? []) {
      const word = this.words[id] as string;
      if (word.length > letters.length && word.startsWith(letters))
        found.push({ stem: this.stems[id] as string, weight: BEGINNING });
    }
    return found;
  }

  /** What a word may mean that the library does not have: words with one or two edits, and words that contain it. */
  near(word: string): Meant[] {
    const most = !LETTERS.test(word) || word.length < LEAST_CORRECTED ? 0 : word.length <= ONE_EDIT_TO ? 1 : 2;
    const letters = lettersOf(word);
    const found: Meant[] = [];
    const meant = (id: number, weight: number): void => void found.push({ stem: this.stems[id] as string, weight });
    for (let id = 0; id < this.words.length; id++) {
      const others = this.letters[id] as number;
      // The other word has nearly the same letters, or all of these and more.
      const alike = bits(letters ^ others) <= 2 * most;
      if (!alike && (letters & others) !== letters) continue;
      if (this.flows[id] === 0) continue;
      const other = this.words[id] as string;
      const longer = other.length - word.length;
      if (longer > 0 && word.length >= LEAST_INSIDE && other.includes(word)) {
        meant(id, other.startsWith(word) ? BEGINNING : INSIDE);
      } else if (alike && Math.abs(longer) <= most) {
        const edits = editsBetween(word, other, most);
        if (edits <= most) meant(id, PER_EDIT ** edits);
      }
    }
    return found;
  }
}

function lettersOf(word: string): number {
  let set = 0;
  for (let i = 0; i < word.length; i++) set |= 1 << (word.charCodeAt(i) % 32);
  return set;
}

/** Sets an element; the array grows where it must. */
function setAt(array: Int32Array<ArrayBuffer>, at: number, value: number): Int32Array<ArrayBuffer> {
  const own = at < array.length ? array : new Int32Array(2 * at);
  if (own !== array) own.set(array);
  own[at] = value;
  return own;
}

/** The number of set bits. */
function bits(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Inserted, missing, other and exchanged neighbouring letters; `most + 1` if there are more than `most`. */
function editsBetween(a: string, b: string, most: number): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let edits = Math.min(
        (previous[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (previous[j - 1] as number) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, (before[j - 2] as number) + 1);
      row.push(edits);
      least = Math.min(least, edits);
    }
    if (least > most) return most + 1;
    before = previous;
    previous = row;
  }
  return previous[b.length] as number;
}
