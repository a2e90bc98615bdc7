/**
 * The index of words, ranked by BM25F (Robertson, Zaragoza: The Probabilistic Relevance Framework, 2009).
 *
 * 1. A flow has a slot: a small number that arrays are indexed by. Of each stem it keeps the slots whose flows contain it, with the
 *    counts of the fields in 4 bits each: 8 bytes a stem and flow.
 * 2. The score is the part of the query that a flow explains: 0 nothing; about 1 when a flow has each word of the query once in its
 *    description. A word that the library does not know counts as its rarest word.
 */
import { FIELDS, fieldWords, WEIGHTS } from './flow-text.js';
import type { IndexedWorkflow } from '@hero/contracts';
import { stem } from './stems.js';
import { STOP_WORDS } from './stop-words.js';
import { synonymsOf } from './synonyms.js';
import { type Meant, Vocabulary } from './vocabulary.js';
import { wordsOf } from './words.js';

const K1 = 1.2;
const B = 0.5;
/** A name that is the query and nothing else. */
const WHOLE_NAME = 0.5;
const MOST_EXPLAINED = 1.5;
const MOST_COUNT = 15;
const MOST_LENGTH = 255;
/** The last word of a query of up to so many words may be unfinished. */
const UNFINISHED_TO = 4;
/** Limit of words in a query; more words cost time without improving the result. */
const MOST_WORDS = 64;
const FIELD_WEIGHTS = FIELDS.map((field) => WEIGHTS[field]);

/** One word of a query, and the stems of the library that it may mean. */
export interface Term {
  word: string;
  meant: readonly Meant[];
  known: boolean;
}

export interface Explained {
  /** By slot: the part of the query that the flow explains. */
  parts: Float32Array;
  /** The slots with a part above 0. */
  slots: number[];
}

class Postings {
  size = 0;
  private pairs = new Uint32Array(2);

  add(slot: number, counts: number): void {
    if (this.size * 2 === this.pairs.length) {
      const larger = new Uint32Array(this.size * 4);
      larger.set(this.pairs);
      this.pairs = larger;
    }
    this.pairs[this.size * 2] = slot;
    this.pairs[this.size * 2 + 1] = counts;
    this.size++;
  }

  remove(slot: number): void {
    const { pairs } = this;
    for (let at = 0; at < this.size * 2; at += 2) {
      if (pairs[at] !== slot) continue;
      this.size--;
      pairs.copyWithin(at, this.size * 2, this.size * 2 + 2);
      return;
    }
  }

  slot(at: number): number {
    return this.pairs[at * 2] as number;
  }

  counts(at: number): number {
    return this.pairs[at * 2 + 1] as number;
  }
}

export class WordIndex {
  private readonly vocabulary = new Vocabulary();
  private readonly postings = new Map<string, Postings>();
  private readonly byName = new Map<string, Set<number>>();
  private flows = 0;
  /** By slot: what the word at hand explains; zeros between the words. */
  private ofTerm = new Float32Array(64);
  /** Number of words of each field, by slot. */
  private lengths = new Uint8Array(64 * FIELDS.length);
  private readonly totals = new Float64Array(FIELDS.length);

  put(slot: number, flow: IndexedWorkflow): void {
    if ((slot + 1) * FIELDS.length > this.lengths.length) {
      const larger = new Uint8Array(Math.max(slot + 1, (2 * this.lengths.length) / FIELDS.length) * FIELDS.length);
      larger.set(this.lengths);
      this.lengths = larger;
    }
    for (const [stemmed, counts] of this.count(slot, flow, 1)) {
      const postings = this.postings.get(stemmed) ?? new Postings();
      postings.add(slot, counts);
      this.postings.set(stemmed, postings);
    }
    const name = joined(flow.name);
    this.byName.set(name, (this.byName.get(name) ?? new Set()).add(slot));
    this.flows++;
  }

  /** `flow` must be what was put. */
  remove(slot: number, flow: IndexedWorkflow): void {
    for (const stemmed of this.count(slot, flow, -1).keys()) {
      const postings = this.postings.get(stemmed);
      postings?.remove(slot);
      if (postings?.size === 0) this.postings.delete(stemmed);
    }
    const same = this.byName.get(joined(flow.name));
    same?.delete(slot);
    if (same?.size === 0) this.byName.delete(joined(flow.name));
    this.flows--;
  }

  /** The distinct words of a query and what they may mean. */
  terms(query: string): Term[] {
    const asked = wordsOf(query);
    const content = asked.filter((word) => !STOP_WORDS.has(word));
    const words = [...new Set(content.length > 0 ? content : asked)].slice(0, MOST_WORDS);
    const unfinished = words.length <= UNFINISHED_TO ? words.at(-1) : undefined;
    const together = this.writtenTogether(asked);
    return words.map((word) => {
      const own = stem(word);
      const meant: Meant[] = [...(together.get(word) ?? [])];
      const known = this.postings.has(own);
      if (known) meant.push({ stem: own, weight: 1 });
      else meant.push(...this.vocabulary.near(word));
      if (word === unfinished) meant.push(...this.vocabulary.beginningWith(word));
      meant.push(...synonymsOf(own).filter((other) => this.postings.has(other.stem)));
      return { word, meant: best(meant), known: known || together.has(word) };
    });
  }

  /** How much of a query each flow explains. */
  explain(query: string, terms: readonly Term[] = this.terms(query)): Explained {
    const size = this.lengths.length / FIELDS.length;
    const explained: Explained = { parts: new Float32Array(size), slots: [] };
    const norms = this.norms();
    if (this.ofTerm.length < size) this.ofTerm = new Float32Array(size);
    const { ofTerm } = this;
    let whole = 0;
    for (const { meant, known, word } of terms) {
      whole += known ? this.rarity(this.postings.get(stem(word))?.size ?? 1) : this.rarity(1);
      const touched: number[] = [];
      for (const { stem: stemmed, weight } of meant) {
        const postings = this.postings.get(stemmed);
        if (!postings) continue;
        const gain = weight * this.rarity(postings.size);
        for (let at = 0; at < postings.size; at++) {
          const slot = postings.slot(at);
          const tf = this.frequency(slot, postings.counts(at), norms);
          const score = gain * (tf / (K1 + tf));
          if (ofTerm[slot] === 0) touched.push(slot);
          if (score > (ofTerm[slot] as number)) ofTerm[slot] = score;
        }
      }
      for (const slot of touched) {
        if (explained.parts[slot] === 0) explained.slots.push(slot);
        explained.parts[slot] = (explained.parts[slot] as number) + (ofTerm[slot] as number);
        ofTerm[slot] = 0;
      }
    }
    for (const slot of explained.slots)
      explained.parts[slot] = Math.min(MOST_EXPLAINED, ((explained.parts[slot] as number) * (K1 + 1)) / whole);
    this.addWholeNames(query, explained);
    return explained;
  }

  /** The words of each field that are meant by a query. */
  matches(flow: IndexedWorkflow, terms: readonly Term[]): { field: string; words: string[] }[] {
    const wanted = new Set(terms.flatMap(({ meant }) => meant.map((one) => one.stem)));
    return FIELDS.flatMap((field) => {
      const words = fieldWords(flow, field).filter((word) => wanted.has(stem(word)));
      return words.length > 0 ? [{ field, words: [...new Set(words)] }] : [];
    });
  }

  private addWholeNames(query: string, { parts, slots }: Explained): void {
    for (const slot of this.byName.get(joined(query)) ?? []) {
      if (parts[slot] === 0) slots.push(slot);
      parts[slot] = (parts[slot] as number) + WHOLE_NAME;
    }
  }

  /** Words that the query writes apart and the library together: `web hook`, `e mail`. */
  private writtenTogether(asked: readonly string[]): Map<string, Meant[]> {
    const found = new Map<string, Meant[]>();
    for (let i = 0; i + 1 < asked.length; i++) {
      const [first, second] = [asked[i] as string, asked[i + 1] as string];
      if (!this.vocabulary.has(first + second)) continue;
      const meant = { stem: stem(first + second), weight: 1 };
      for (const word of [first, second]) found.set(word, [...(found.get(word) ?? []), meant]);
    }
    return found;
  }

  /** The fields' counts of each stem of a flow; by `step` it adds the flow to the vocabulary and the lengths, or takes it away. */
  private count(slot: number, flow: IndexedWorkflow, step: 1 | -1): Map<string, number> {
    const counts = new Map<string, number>();
    const seen = new Map<string, string>();
    for (const [nth, field] of FIELDS.entries()) {
      const words = fieldWords(flow, field);
      const length = Math.min(words.length, MOST_LENGTH);
      this.lengths[slot * FIELDS.length + nth] = step === 1 ? length : 0;
      this.totals[nth] = (this.totals[nth] as number) + step * length;
      for (const word of words) {
        let stemmed = seen.get(word);
        if (stemmed === undefined) {
          stemmed = step === 1 ? this.vocabulary.add(word) : this.vocabulary.release(word);
          seen.set(word, stemmed);
        }
        const before = counts.get(stemmed) ?? 0;
        const shift = nth * 4;
        if (((before >>> shift) & MOST_COUNT) < MOST_COUNT) counts.set(stemmed, (before + (1 << shift)) >>> 0);
      }
    }
    return counts;
  }

  /** By field and length: what one occurrence weighs. It weighs less in a field that is longer than those of other flows. */
  private norms(): Float32Array {
    const norms = new Float32Array(FIELDS.length * (MOST_LENGTH + 1));
    for (const [nth, weight] of FIELD_WEIGHTS.entries()) {
      const average = Math.max((this.totals[nth] as number) / Math.max(this.flows, 1), 1);
      for (let length = 0; length <= MOST_LENGTH; length++)
        norms[nth * (MOST_LENGTH + 1) + length] = weight / (1 - B + (B * length) / average);
    }
    return norms;
  }

  private frequency(slot: number, counts: number, norms: Float32Array): number {
    let sum = 0;
    for (let nth = 0, left = counts; left !== 0; nth++, left >>>= 4) {
      const count = left & MOST_COUNT;
      if (count === 0) continue;
      const length = this.lengths[slot * FIELDS.length + nth] as number;
      sum += count * (norms[nth * (MOST_LENGTH + 1) + length] as number);
    }
    return sum;
  }

  /** The inverse document frequency: a word of few flows says more. */
  private rarity(flows: number): number {
    return Math.log(1 + (this.flows - flows + 0.5) / (flows + 0.5));
  }
}

const joined = (text: string): string => wordsOf(text).join('');

/** Each stem once, with its largest weight. */
function best(meant: readonly Meant[]): Meant[] {
  const weights = new Map<string, number>();
  for (const { stem: stemmed, weight } of meant) weights.set(stemmed, Math.max(weights.get(stemmed) ?? 0, weight));
  return Array.from(weights, ([stemmed, weight]) => ({ stem: stemmed, weight }));
}
