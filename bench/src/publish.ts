/**
 * `npm run figures [-- RESULTS.json]`: writes the generated parts of docs/figures.md from docs/figures.json; with the file of a run with
 * the peers, that run becomes docs/figures.json first.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { page } from './peers/page.js';
import type { Results } from './peers/results.js';

const docs = resolve(import.meta.dirname, '../../docs');
const [json, markdown] = [resolve(docs, 'figures.json'), resolve(docs, 'figures.md')];

const [measured] = process.argv.slice(2);
if (measured !== undefined) copyFileSync(resolve(process.env.INIT_CWD ?? '.', measured), json);
const results = JSON.parse(readFileSync(json, 'utf8')) as Results;
writeFileSync(markdown, page(readFileSync(markdown, 'utf8'), results));
