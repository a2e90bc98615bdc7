import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { WordPiece } from '../src/wordpiece.js';

const vocabulary = gunzipSync(readFileSync(new URL('../model/vocab.txt.gz', import.meta.url))).toString('utf8');
const tokenizer = new WordPiece(vocabulary);

describe('the tokenizer', () => {
  // Expected: what the tokenizer.json that was published with the model gives (@huggingface/tokenizers 0.2.0).
  test.each([
    ['Converts an amount of money.', [101, 19884, 2019, 3815, 1997, 2769, 1012, 102]],
    [
      'snake_case, camelCase & HTTP-404!',
      [101, 7488, 1035, 2553, 1010, 19130, 18382, 1004, 8299, 1011, 24837, 999, 102],
    ],
    ['Résumé naïve STRASSE straße', [101, 13746, 15743, 2358, 8180, 3366, 2358, 27807, 102]],
    ['日本語の本 abc', [101, 1864, 1876, 1950, 1671, 1876, 5925, 102]],
    ['हिन्दी में', [101, 1339, 29877, 29863, 29861, 29878, 1331, 102]],
    ['emoji 🎉 x', [101, 7861, 29147, 2072, 100, 1060, 102]],
    ['zero​width nbsp\ttab', [101, 5717, 9148, 11927, 2232, 1050, 5910, 2361, 21628, 102]],
    ['İstanbul ﬁnance ½ ＡＢＣ', [101, 9960, 1984, 7229, 3401, 1092, 100, 102]],
    ['한국어', [101, 1469, 30006, 30021, 29991, 30014, 30020, 29999, 30008, 102]],
    [
      'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ok',
      [101, 100, 7929, 102],
    ],
  ])('gives the pieces that the model was trained with: %j', (text, pieces) => {
    expect(tokenizer.encode(text, 256)).toEqual(pieces);
  });

  test('cuts a long text, and keeps the sign of its end', () => {
    expect(tokenizer.encode('money '.repeat(300), 256)).toEqual([101, ...Array.from({ length: 254 }, () => 2769), 102]);
  });

  test('takes signs of the model in a text as text', () => {
    expect(tokenizer.encode('[CLS]', 256)).toEqual([101, 1031, 18856, 2015, 1033, 102]);
  });
});
