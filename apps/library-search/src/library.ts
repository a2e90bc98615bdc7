/**
 * The index in memory: it finds workflows by the words of their fields and ranks them.
 *
 * 1. A word counts once for each field that contains it, however often it occurs there, so that a long description does not
 *    outweigh a name.
 * 2. Matches are ordered by score; of equal scores the most recently changed workflow is first.
 */
import type { LibraryHit, Workflow } from '@hero/contracts';
import { askedWords, indexedWords } from './words.js';

/** A match in the name weighs three times one in the description. */
const WEIGHTS = { name: 3, tags: 2, description: 1, inputs: 0.5, outputs: 0.5 } as const;
type Field = keyof typeof WEIGHTS;
const FIELDS = Object.keys(WEIGHTS) as Field[];

/** Weight of a match that is not the exact word. */
const BEGINNING = 0.5;
const INSIDE = 0.25;
/** Endings that may differ: `emails` finds `email`, but `v12` does not find `v1`. */
const ENDING = /^\p{L}{1,3}$/u;
const LEAST_STEM = 4;
const LEAST_BEGINNING = 2;
const LEAST_INSIDE = 3;
/** Limit of words in a query; more words cost time without improving the result. */
const MOST_WORDS = 64;

interface Entry {
  workflow: Workflow;
  revision: number;
  words: Set<string>;
}

export interface Search {
  query: string;
  limit: number;
  tags?: string[];
}

export class Library {
  private readonly entries = new Map<string, Entry>();
  /** Word → workflow → fields (as bits) that contain it. */
  private readonly index = new Map<string, Map<string, number>>();

  get size(): number {
    return this.entries.size;
  }

  put(workflow: Workflow, revision: number): void {
    this.remove(workflow.sid);
    const entry: Entry = { workflow, revision, words: new Set() };
    this.entries.set(workflow.sid, entry);
    for (const [bit, field] of FIELDS.entries()) {
      for (const word of indexedWords(textOf(workflow, field))) {
        entry.words.add(word);
        const found = this.index.get(word) ?? new Map<string, number>();
        found.set(workflow.sid, (found.get(workflow.sid) ?? 0) | (1 << bit));
        this.index.set(word, found);
      }
    }
  }

  remove(sid: string): void {
    for (const word of this.entries.get(sid)?.words ?? []) {
      const found = this.index.get(word);
      found?.delete(sid);
      if (found?.size === 0) this.index.delete(word);
    }
    this.entries.delete(sid);
  }

  clear(): void {
    this.entries.clear();
    this.index.clear();
  }

  search({ query, limit, tags = [] }: Search): LibraryHit[] {
    const matches = new Map<string, Match>();
    for (const word of askedWords(query).slice(0, MOST_WORDS)) this.match(word, matches);
    return [...matches]
      .flatMap(([sid, match]) => {
        const entry = this.entries.get(sid);
        const carries = entry && tags.every((tag) => entry.workflow.tags.includes(tag));
        return carries ? [{ entry, match }] : [];
      })
      .sort((a, b) => b.match.score - a.match.score || b.entry.revision - a.entry.revision)
      .slice(0, limit)
      .map(({ entry, match }) => hit(entry.workflow, match));
  }

  /** Adds the matches of one word of the query: for each workflow and field the best similarity. */
  private match(word: string, matches: Map<string, Match>): void {
    const best = new Map<string, number[]>();
    for (const [candidate, found] of this.index) {
      const likeness = likenessOf(word, candidate);
      if (likeness === 0) continue;
      for (const [sid, fields] of found) {
        let likenesses = best.get(sid);
        if (!likenesses) best.set(sid, (likenesses = FIELDS.map(() => 0)));
        for (const bit of FIELDS.keys()) {
          if (fields & (1 << bit)) likenesses[bit] = Math.max(likenesses[bit] ?? 0, likeness);
        }
      }
    }
    for (const [sid, likenesses] of best) {
      const match = matches.get(sid) ?? { score: 0, fields: 0 };
      for (const [bit, field] of FIELDS.entries()) {
        const likeness = likenesses[bit] ?? 0;
        match.score += WEIGHTS[field] * likeness;
        if (likeness > 0) match.fields |= 1 << bit;
      }
      matches.set(sid, match);
    }
  }
}

interface Match {
  score: number;
  fields: number;
}

function likenessOf(word: string, candidate: string): number {
  if (word === candidate) return 1;
  if (word.length >= LEAST_BEGINNING && candidate.startsWith(word)) return BEGINNING;
  if (candidate.length >= LEAST_STEM && word.startsWith(candidate) && ENDING.test(word.slice(candidate.length)))
    return BEGINNING;
  return word.length >= LEAST_INSIDE && candidate.includes(word) ? INSIDE : 0;
}

function textOf(workflow: Workflow, field: Field): string {
  switch (field) {
    case 'name':
    case 'description':
      return workflow[field];
    case 'tags':
      return workflow.tags.join(' ');
    case 'inputs':
    case 'outputs':
      return workflow[field].map(({ name, description = '' }) => `${name} ${description}`).join(' ');
  }
}

function hit(workflow: Workflow, match: Match): LibraryHit {
  const { sid, current_version_sid, name, description, inputs, outputs, tags } = workflow;
  const matched = FIELDS.filter((_, bit) => match.fields & (1 << bit));
  const shown = { name, description, inputs, outputs, tags };
  return { workflow_sid: sid, version_sid: current_version_sid, ...shown, score: match.score, matched };
}
