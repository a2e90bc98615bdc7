import { beforeEach, describe, expect, test } from '@jest/globals';
import type { FlowField, Workflow } from '@hero/contracts';
import { Library } from '../src/library.js';
import { askedWords, indexedWords } from '../src/words.js';

let library: Library;
let revision = 0;
beforeEach(() => {
  library = new Library();
});

function put(name: string, more: Partial<Workflow> = {}): void {
  const at = '2026-11-21T09:30:00.000Z';
  const nothing = { description: '', tags: [], inputs: [], outputs: [], created_at: at, updated_at: at };
  const sids = { sid: name, current_version_sid: `${name}-1`, current_version_number: 1 };
  library.put({ ...sids, name, ...nothing, ...more }, ++revision);
}
const found = (query: string, tags?: string[]) => library.search({ query, limit: 10, tags }).map((hit) => hit.name);
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
    ['Résumé RESUME ｒｅｓｕｍｅ', ['resume']],
    ['STRASSE straße', ['strasse']],
    ['ΟΔΟΣ οδος', ['οδοσ']],
    ['Привет, МИР', ['привет', 'мир']],
    ['हिन्दी में', ['हिन्दी', 'में']],
    ['日本語の本', ['日本語', 'の', '本']],
    [' … !? _ ', []],
    ['same Same SAME', ['same']],
  ])('the words of %j are %j', (text, words) => {
    expect(askedWords(text)).toEqual(words);
  });

  test('an identifier is indexed by its parts and as a whole', () => {
    expect([...indexedWords('service_agent runHTTP')]).toEqual([
      'service',
      'agent',
      'serviceagent',
      'run',
      'http',
      'runhttp',
    ]);
  });
});

describe('a search', () => {
  test('weighs a match in the name three times one in the description', () => {
    put('write report', { description: 'about cats' });
    put('other', { description: 'Report on something' });
    const hits = library.search({ query: 'REPORT', limit: 10 });
    expect(hits.map(({ name, score, matched }) => ({ name, score, matched }))).toEqual([
      { name: 'write report', score: 3, matched: ['name'] },
      { name: 'other', score: 1, matched: ['description'] },
    ]);
  });

  test('returns the shape of the contract', () => {
    put('find_sources', { inputs: [field('topic')], outputs: [field('sources')], tags: ['web'] });
    expect(library.search({ query: 'sources', limit: 1 })).toEqual([
      {
        workflow_sid: 'find_sources',
        version_sid: 'find_sources-1',
        name: 'find_sources',
        description: '',
        inputs: [field('topic')],
        outputs: [field('sources')],
        tags: ['web'],
        score: 3.5,
        matched: ['name', 'outputs'],
      },
    ]);
  });

  test('orders equal scores by the newest change', () => {
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

  test('ranks workflows with more of the words higher, and counts each word once per field', () => {
    put('one', { description: 'cats cats cats cats' });
    put('two', { description: 'cats and dogs' });
    expect(library.search({ query: 'cats dogs', limit: 10 }).map(({ name, score }) => [name, score])).toEqual([
      ['two', 2],
      ['one', 1],
    ]);
  });

  test('finds words in tags, inputs and outputs, with a lower weight than in the name', () => {
    put('by output', { outputs: [field('invoice')] });
    put('by input', { inputs: [field('document', 'an invoice, scanned')] });
    put('by tag', { tags: ['invoice'] });
    put('invoice');
    expect(found('invoice')).toEqual(['invoice', 'by tag', 'by input', 'by output']);
  });

  test('finds prefixes, plurals and parts of words, with a lower weight than the exact word', () => {
    put('email');
    put('emailing');
    put('webmailer');
    expect(found('email')).toEqual(['email', 'emailing']);
    expect(found('emails')).toEqual(['email']);
    expect(found('email7')).toEqual([]);
    expect(found('mail')).toEqual(['webmailer', 'emailing', 'email']);
    expect(found('serviceagent')).toEqual([]);
    put('service_agent');
    expect(found('serviceagent')).toEqual(['service_agent']);
  });

  test('returns only workflows that have all of the tags', () => {
    put('report a', { tags: ['x', 'y'] });
    put('report b', { tags: ['x'] });
    expect(found('report', ['x'])).toEqual(['report b', 'report a']);
    expect(found('report', ['x', 'y'])).toEqual(['report a']);
    expect(found('report', ['z'])).toEqual([]);
  });

  test('finds a workflow by its newest words only, and a removed one not at all', () => {
    put('report', { description: 'old words' });
    put('report', { description: 'new words' });
    expect(found('old')).toEqual([]);
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
});
