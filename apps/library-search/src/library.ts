/**
 * The library in memory: its flows, their words and their vectors; a search ranks by both.
 *
 * 1. score = 0.6 × words + meaning. `words` is the part of the query that the words of the flow explain, `meaning` the cosine of the
 *    vectors. So words lead short queries and meaning leads long ones. Without vectors the score is `words`.
 * 2. A query of one word that the library has asks for that word: for the flows that have it, meaning counts as complete. So a match in
 *    the name weighs three times one in the description, and of equal matches the newest is first, with and without vectors.
 * 3. Success and use change a score by at most GENTLE; equal scores are ordered by the newest change.
 * 4. Flows are kept as JSON text, which takes a fraction of the memory of the parsed objects; only hits are parsed.
 */
import type { IndexedWorkflow, LibraryHit } from '@hero/contracts';
import { meaningText } from './flow-text.js';
import { type PackedVector, VectorIndex } from './vector-index.js';
import { type Term, WordIndex } from './word-index.js';

const WORDS = 0.6;
const GENTLE = 0.02;
/** So many plays count as much use. */
const MUCH_USE = 1_000;
/** How many of the best by words and by meaning each are compared by both. */
const COMPARED = 150;
const UNKNOWN_MEANING = 0.5;
const STEPS = 1_000;
/** Below it, a hit is marked as weak. */
const WEAK = { words: 0.3, hybrid: 0.3 };
/** From this cosine on, meaning is named as a reason. */
const CLOSE = 0.25;

export interface Search {
  query: string;
  limit: number;
  tags?: string[];
}

export type Hit = Omit<LibraryHit, 'mode' | 'mode_reason'>;

export interface Use {
  workflow_sid: string;
  plays: number;
  succeeded: number;
}

interface Entry {
  sid: string;
  stored: string;
  revision: number;
}

interface Candidate {
  slot: number;
  score: number;
  /** Whether the meaning is a reason. */
  close: boolean;
  revision: number;
}

export class Library {
  /** The flows that have no vector yet. */
  readonly unembedded = new Set<string>();
  private readonly entries: (Entry | undefined)[] = [];
  private readonly slots = new Map<string, number>();
  private readonly free: number[] = [];
  private readonly byTag = new Map<string, Set<number>>();
  private words = new WordIndex();
  private vectors?: VectorIndex;
  private use = new Map<string, number>();

  get size(): number {
    return this.slots.size;
  }

  /** How many flows have a vector. */
  get embedded(): number {
    return this.vectors?.size ?? 0;
  }

  put(flow: IndexedWorkflow, revision: number): void {
    const stored = JSON.stringify(flow);
    const known = this.slots.get(flow.sid);
    if (known !== undefined && this.entries[known]?.stored === stored) {
      this.entries[known] = { sid: flow.sid, stored, revision };
      return;
    }
    this.remove(flow.sid);
    const slot = this.free.pop() ?? this.entries.length;
    this.entries[slot] = { sid: flow.sid, stored, revision };
    this.slots.set(flow.sid, slot);
    this.unembedded.add(flow.sid);
    this.words.put(slot, flow);
    for (const tag of flow.tags) this.byTag.set(tag, (this.byTag.get(tag) ?? new Set()).add(slot));
  }

  remove(sid: string): void {
    const slot = this.slots.get(sid);
    if (slot === undefined) return;
    const flow = this.flowAt(slot);
    this.words.remove(slot, flow);
    this.vectors?.remove(slot);
    for (const tag of flow.tags) {
      this.byTag.get(tag)?.delete(slot);
      if (this.byTag.get(tag)?.size === 0) this.byTag.delete(tag);
    }
    this.slots.delete(sid);
    this.unembedded.delete(sid);
    this.entries[slot] = undefined;
    this.free.push(slot);
  }

  clear(): void {
    this.entries.length = 0;
    this.slots.clear();
    this.unembedded.clear();
    this.free.length = 0;
    this.byTag.clear();
    this.words = new WordIndex();
    this.vectors = undefined;
  }

  /** The text of a flow whose meaning is compared. */
  meaningOf(sid: string): string | undefined {
    const slot = this.slots.get(sid);
    return slot === undefined ? undefined : meaningText(this.flowAt(slot));
  }

  setVector(sid: string, vector: PackedVector): void {
    const slot = this.slots.get(sid);
    if (slot === undefined) return;
    if (this.vectors?.dimensions !== vector.bytes.length) {
      this.vectors = new VectorIndex(vector.bytes.length);
      for (const other of this.slots.keys()) this.unembedded.add(other);
    }
    this.vectors.put(slot, vector);
    this.unembedded.delete(sid);
  }

  /** Plays of each workflow; a flow that is used and succeeds gains a little, one that fails loses a little. */
  setUse(use: readonly Use[]): void {
    this.use = new Map(
      use.map(({ workflow_sid, plays, succeeded }) => {
        const much = Math.min(1, Math.log1p(plays) / Math.log1p(MUCH_USE));
        return [workflow_sid, GENTLE * much * ((2 * (succeeded + 1)) / (plays + 2) - 1)];
      }),
    );
  }

  /** `meaning`: the vector of the query. */
  search({ query, limit, tags = [] }: Search, meaning?: PackedVector): Hit[] {
    const terms = this.words.terms(query);
    if (terms.length === 0) return [];
    const vectors = meaning?.bytes.length === this.vectors?.dimensions ? this.vectors : undefined;
    const { parts, slots } = this.words.explain(query, terms);
    const allowed = this.withTags(tags);
    const explained = allowed ? slots.filter((slot) => allowed.has(slot)) : slots;
    const among = allowed && Array.from(allowed);
    const near = meaning && vectors ? vectors.nearest(meaning, COMPARED, among) : [];
    const oneWord = terms.length === 1 && terms[0]?.known === true;
    const candidate = (slot: number): Candidate => {
      const { sid, revision } = this.entries[slot] as Entry;
      const words = parts[slot] as number;
      // A flow that has no vector yet is taken to be as close as its words say.
      const known = meaning && vectors?.has(slot) ? vectors.cosine(meaning, slot) : undefined;
      const cosine = known ?? UNKNOWN_MEANING * words;
      const score = vectors ? WORDS * words + (oneWord && words > 0 ? 1 : cosine) : words;
      return { slot, score: score + (this.use.get(sid) ?? 0), close: (known ?? 0) >= CLOSE, revision };
    };
    return Array.from(new Set([...mostExplained(explained, parts), ...near]), candidate)
      .sort((a, b) => b.score - a.score || b.revision - a.revision)
      .slice(0, limit)
      .map((one) => this.hit(one, terms, vectors ? WEAK.hybrid : WEAK.words));
  }

  private withTags(tags: readonly string[]): Set<number> | undefined {
    const [first, ...rest] = tags.map((tag) => this.byTag.get(tag) ?? new Set<number>());
    return first && rest.reduce((both, more) => new Set([...both].filter((slot) => more.has(slot))), first);
  }

  private hit({ slot, score, close }: Candidate, terms: readonly Term[], weak: number): Hit {
    const flow = this.flowAt(slot);
    const matches = this.words.matches(flow, terms);
    const { sid, current_version_sid, name, description, inputs, outputs, tags } = flow;
    return {
      workflow_sid: sid,
      version_sid: current_version_sid,
      name,
      description,
      inputs,
      outputs,
      tags,
      score,
      matched: matches.map(({ field }) => field),
      why: close ? [...matches, { field: 'meaning', words: [] }] : matches,
      weak: score < weak,
    };
  }

  private flowAt(slot: number): IndexedWorkflow {
    return JSON.parse((this.entries[slot] as Entry).stored) as IndexedWorkflow;
  }
}

/**
 * The slots of which the most is explained: about COMPARED, if there are so many, in steps of 1/STEPS. Where very many are equal, those that came
 * last are taken.
 */
function mostExplained(slots: readonly number[], parts: Float32Array): readonly number[] {
  if (slots.length <= COMPARED) return slots;
  const having = new Uint32Array(3 * STEPS);
  const stepOf = (slot: number): number => Math.min(having.length - 1, Math.floor((parts[slot] as number) * STEPS));
  for (const slot of slots) having[stepOf(slot)] = (having[stepOf(slot)] as number) + 1;
  let least = having.length - 1;
  for (let sum = having[least] as number; sum < COMPARED && least > 0; ) sum += having[--least] as number;
  const most = slots.filter((slot) => stepOf(slot) >= least);
  if (most.length <= 4 * COMPARED) return most;
  return most.sort((a, b) => (parts[b] as number) - (parts[a] as number) || b - a).slice(0, 4 * COMPARED);
}
