import { beforeEach, describe, expect, test } from '@jest/globals';
import type { FlowField, IndexedWorkflow } from '@hero/contracts';
import { Library } from '../src/library.js';
import { stem } from '../src/stems.js';
import { pack, VectorIndex } from '../src/vector-index.js';
import { wordsOf } from '../src/words.js';

let library: Library;
let revision = 0;
beforeEach(() => {
  library = new Library();
});

function put(name: string, more: Partial<IndexedWorkflow> = {}): void {
  const at = '2026-11-21T09:30:00.000Z';
  const nothing = { description: '', docstring: '', tags: [], inputs: [], outputs: [], steps: [] };
  const sids = { sid: name, current_version_sid: `${name}-1`, current_version_number: 1 };
  library.put({ ...sids, name, ...nothing, created_at: at, updated_at: at, ...more }, ++revision);
}
const found = (query: string, tags?: string[]) => library.search({ query, limit: 10, tags }).map((hit) => hit.name);
const first = (query: string) => library.search({ query, limit: 1 })[0];
const field = (name: string, description?: string): FlowField => ({
  name,
  field_type: 'any',
  required: true,
  description,
});

describe('words', () => {
  test.each([
    ['Pick a service!', ['pick', 'a', 'service']],
    ['service_agent v3', ['service', 'agent', 'v3']],
    ['serviceAgent', ['service', 'agent']],
    ['HTTPServer', ['http', 'server']],
    ['run-against-service', ['run', 'against', 'service']],
    ['Résumé RESUME ｒｅｓｕｍｅ', ['resume', 'resume', 'resume']],
    ['STRASSE straße', ['strasse', 'strasse']],
    ['ΟΔΟΣ οδος', ['οδοσ', 'οδοσ']],
    ['Привет, МИР', ['привет', 'мир']],
    ['हिन्दी में', ['हिन्दी', 'में']],
    ['日本語の本', ['日本語', 'の', '本']],
    [' … !? _ ', []],
  ])('the words of %j are %j', (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });

  test('an identifier is also one word where that is wanted', () => {
    expect(wordsOf('service_agent runHTTP', true)).toEqual([
      'service',
      'agent',
      'serviceagent',
      'run',
      'http',
      'runhttp',
    ]);
  });

  test.each([
    ['invoices', 'invoic'],
    ['sending', 'send'],
    ['translation', 'translat'],
    ['translated', 'translat'],
    ['skies', 'sky'],
    ['hopping', 'hop'],
    ['hoping', 'hope'],
    ['generously', 'generous'],
    ['rationalization', 'ration'],
    ['evenings', 'evening'],
    ['résumé', 'résumé'],
    ['v12', 'v12'],
  ])('the stem of %s is %s', (word, stemmed) => {
    expect(stem(word)).toBe(stemmed);
  });
});

describe('a search', () => {
  test('weighs a match in the name more than one in the description', () => {
    put('write report', { description: 'about cats' });
    put('other thing', { description: 'Report on' });
    expect(library.search({ query: 'REPORT', limit: 10 }).map(({ name, matched }) => ({ name, matched }))).toEqual([
      { name: 'write report', matched: ['name'] },
      { name: 'other thing', matched: ['description'] },
    ]);
  });

  test('returns the shape of the contract, with the reasons', () => {
    put('find_sources', { inputs: [field('topic')], outputs: [field('sources')], tags: ['web'] });
    expect(library.search({ query: 'source for topics', limit: 1 })).toEqual([
      {
        workflow_sid: 'find_sources',
        version_sid: 'find_sources-1',
        name: 'find_sources',
        description: '',
        inputs: [field('topic')],
        outputs: [field('sources')],
        tags: ['web'],
        score: expect.any(Number),
        matched: ['name', 'inputs', 'outputs'],
        why: [
          { field: 'name', words: ['sources'] },
          { field: 'inputs', words: ['topic'] },
          { field: 'outputs', words: ['sources'] },
        ],
        weak: false,
      },
    ]);
  });

  test('orders equal matches by the newest change', () => {
    put('report a');
    put('report b');
    put('report c');
    expect(found('report')).toEqual(['report c', 'report b', 'report a']);
    put('report a');
    expect(found('report')).toEqual(['report a', 'report c', 'report b']);
  });

  test('returns nothing for an empty query, also with tags', () => {
    put('report', { tags: ['a'] });
    for (const query of ['', '  ', '?!', '_']) expect(found(query, ['a'])).toEqual([]);
  });

  test('ranks flows with more of the words higher', () => {
    put('one', { description: 'cats cats cats cats' });
    put('two', { description: 'cats and dogs' });
    expect(found('cats dogs')).toEqual(['two', 'one']);
  });

  test('finds words of all fields', () => {
    put('by output', { outputs: [field('invoice')] });
    put('by input', { inputs: [field('document', 'a scanned invoice')] });
    put('by tag', { tags: ['invoice'] });
    put('by docstring', { description: 'other', docstring: 'Books an invoice.' });
    put('by step', { steps: ['book_invoice'] });
    put('invoice');
    expect(found('invoice')[0]).toBe('invoice');
    expect(found('invoice').toSorted()).toEqual(
      ['invoice', 'by tag', 'by docstring', 'by input', 'by output', 'by step'].toSorted(),
    );
  });

  test('finds other forms of a word', () => {
    put('send invoices');
    for (const query of ['invoice', 'sending', 'invoiced', 'send_invoice'])
      expect(found(query)).toEqual(['send invoices']);
  });

  test('finds the beginning of the last word, and parts of words that the library does not have', () => {
    put('emailing');
    put('webmailer');
    expect(found('mail')).toEqual(['emailing', 'webmailer']);
    expect(found('web')).toEqual(['webmailer']);
    put('service_agent');
    expect(found('serviceagent')).toEqual(['service_agent']);
    expect(found('serviceag')).toEqual(['service_agent']);
    put('webhook');
    expect(found('web hook')[0]).toBe('webhook');
  });

  test.each(['recieve payments', 'receve', 'recive paymnets', 'receiv'])('finds misspelled words: %s', (query) => {
    put('receive payments');
    put('relieve pain');
    expect(found(query)[0]).toBe('receive payments');
  });

  test('does not correct short words and numbers', () => {
    put('v2 cat');
    expect(found('v3')).toEqual([]);
    expect(found('car')).toEqual([]);
  });

  test('finds other words for the same thing, below the word itself', () => {
    put('resize picture');
    put('resize photo');
    expect(found('picture')).toEqual(['resize picture', 'resize photo']);
  });

  test('ignores words that say nothing, unless there are no others', () => {
    put('report', { description: 'what is it and how' });
    put('to do');
    expect(found('I need the report please')).toEqual(['report']);
    expect(found('to do')).toEqual(['to do']);
  });

  test('marks hits as weak that have little of the query', () => {
    put('water the garden');
    put('boil rice');
    const query = 'garden hose pressure valve replacement manual';
    expect(first(query)).toMatchObject({ name: 'water the garden', weak: true });
    expect(first('garden')).toMatchObject({ name: 'water the garden', weak: false });
  });

  test('prefers a name that is the query', () => {
    put('report', { description: 'one' });
    put('report archive', { description: 'report report report of a report' });
    expect(found('report')[0]).toBe('report');
  });

  test('returns only workflows that have all of the tags', () => {
    put('report a', { tags: ['x', 'y'] });
    put('report b', { tags: ['x', 'z'] });
    expect(found('report', ['x'])).toEqual(['report b', 'report a']);
    expect(found('report', ['x', 'y'])).toEqual(['report a']);
    expect(found('report', ['nowhere'])).toEqual([]);
  });

  test('finds a workflow by its newest words only, and a removed one not at all', () => {
    put('report', { description: 'old phrase' });
    put('report', { description: 'new words' });
    expect(found('phrase')).toEqual([]);
    expect(found('words')).toEqual(['report']);
    library.remove('report');
    expect(found('words report')).toEqual([]);
    expect(library.size).toBe(0);
  });

  test('returns the best matches up to the limit', () => {
    for (let i = 0; i < 30; i++) put(`n${i}`, { description: 'report' });
    put('report');
    const hits = library.search({ query: 'report', limit: 3 }).map((hit) => hit.name);
    expect(hits).toEqual(['report', 'n29', 'n28']);
  });

  test('use and success move a flow among its equals, and not past a better match', () => {
    put('report a');
    put('report b');
    put('other', { description: 'report' });
    library.setUse([
      { workflow_sid: 'report a', plays: 100, succeeded: 99 },
      { workflow_sid: 'other', plays: 10_000, succeeded: 10_000 },
    ]);
    expect(found('report')).toEqual(['report a', 'report b', 'other']);
    library.setUse([{ workflow_sid: 'report b', plays: 100, succeeded: 3 }]);
    expect(found('report')).toEqual(['report a', 'report b', 'other']);
  });
});

/** Vectors of two dimensions: the angle says what a flow is about. */
describe('a search by words and meaning', () => {
  const about = (degrees: number) => {
    const angle = (degrees / 180) * Math.PI;
    return pack([Math.cos(angle), Math.sin(angle)]);
  };
  const names = (query: string, degrees: number, tags?: string[]) =>
    library.search({ query, limit: 10, tags }, about(degrees)).map((hit) => hit.name);

  beforeEach(() => {
    put('boil water', { tags: ['kitchen'] });
    put('wash car');
    put('new');
    library.setVector('boil water', about(0));
    library.setVector('wash car', about(80));
  });

  test('finds by meaning what shares no word, and says so', () => {
    const [hit] = library.search({ query: 'tea', limit: 1 }, about(10));
    expect(hit).toMatchObject({ name: 'boil water', matched: [], why: [{ field: 'meaning', words: [] }], weak: false });
    expect(names('vehicle care', 75)[0]).toBe('wash car');
  });

  test('finds a flow that has no vector yet by its words', () => {
    expect(names('new', 0)[0]).toBe('new');
  });

  test('keeps the promises for a query of one word: the name before the description, the newest of equals first', () => {
    put('kettle one');
    put('kettle two');
    put('pot', { description: 'kettle' });
    library.setVector('kettle one', about(0));
    library.setVector('kettle two', about(40));
    library.setVector('pot', about(0));
    expect(names('kettle', 0).slice(0, 3)).toEqual(['kettle two', 'kettle one', 'pot']);
  });

  test('forgets the vector with its flow, and keeps to the tags', () => {
    expect(names('tea', 0, ['kitchen'])).toEqual(['boil water']);
    library.remove('boil water');
    expect(library.embedded).toBe(1);
    expect(names('tea', 0)).toEqual(['wash car']);
  });
});

describe('vectors', () => {
  const random = randomNumbers(7);
  const vector = () => Array.from({ length: 384 }, () => random() - 0.5);

  test('the nearest of many are found by their signs, and have nearly the exact cosine', () => {
    const index = new VectorIndex(384);
    const vectors = Array.from({ length: 3_000 }, vector);
    for (const [slot, one] of vectors.entries()) index.put(slot, pack(one));
    const query = vector();
    const exact = vectors.map((one) => cosine(one, query));
    const best = exact
      .map((_, slot) => slot)
      .sort((a, b) => (exact[b] as number) - (exact[a] as number))
      .slice(0, 10);
    const near = index.nearest(pack(query), 50);
    expect(near).toEqual(expect.arrayContaining(best));
    expect(near.length).toBeLessThan(60);
    for (const slot of best) expect(index.cosine(pack(query), slot)).toBeCloseTo(exact[slot] as number, 2);
  });
});

function cosine(a: number[], b: number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0) / Math.hypot(...a) / Math.hypot(...b);
}

/** The same numbers in every run: a linear congruential generator. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
