/**
 * English stems: the Snowball algorithm "English (Porter 2)", https://snowballstem.org/algorithms/english/stemmer.html.
 * `summaries`, `summarize` and `summary` do not become one word by it, but `invoices` and `invoice` do. Words with other letters than
 * a to z are left as they are.
 */

const VOWEL = /[aeiouy]/;
const DOUBLE = /(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$/;
/** A short syllable at the end: a vowel between consonants, or a vowel and a consonant at the beginning of the word. */
const SHORT_END = /(?:[^aeiouy][aeiouy][^aeiouywxY]|^[aeiouy][^aeiouy]|^past)$/;

const EXCEPTIONS = new Map(
  Object.entries({
    skis: 'ski',
    skies: 'sky',
    idly: 'idl',
    gently: 'gentl',
    ugly: 'ugli',
    early: 'earli',
    only: 'onli',
    singly: 'singl',
    sky: 'sky',
    news: 'news',
    howe: 'howe',
    atlas: 'atlas',
    cosmos: 'cosmos',
    bias: 'bias',
    andes: 'andes',
  }),
);
const AFTER_PLURAL = new Set([
  'evening',
  'inning',
  'outing',
  'canning',
  'herring',
  'earring',
  'proceed',
  'exceed',
  'succeed',
]);

/** Endings of step 2 (in R1), the longest first. */
const STEP_2: readonly (readonly [string, string])[] = [
  ['ization', 'ize'],
  ['ational', 'ate'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['iveness', 'ive'],
  ['tional', 'tion'],
  ['biliti', 'ble'],
  ['lessli', 'less'],
  ['entli', 'ent'],
  ['ation', 'ate'],
  ['alism', 'al'],
  ['aliti', 'al'],
  ['ousli', 'ous'],
  ['iviti', 'ive'],
  ['fulli', 'ful'],
  ['ogist', 'og'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['abli', 'able'],
  ['izer', 'ize'],
  ['ator', 'ate'],
  ['alli', 'al'],
  ['bli', 'ble'],
];
/** Endings of step 3 (in R1), the longest first. */
const STEP_3: readonly (readonly [string, string])[] = [
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['alize', 'al'],
  ['icate', 'ic'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ness', ''],
  ['ful', ''],
];
/** Endings of step 4 (in R2), the longest first. */
const STEP_4 = /(?:ement|ance|ence|able|ible|ment|ant|ent|ism|ate|iti|ous|ive|ize|al|er|ic)$/;

const PLAIN = /^[a-z']+$/;

/** The stem of a lower-case word. */
export function stem(word: string): string {
  if (word.length <= 2 || !PLAIN.test(word)) return word;
  const exception = EXCEPTIONS.get(word);
  if (exception !== undefined) return exception;
  const w = plural(markY(word.replace(/^'/, '')));
  if (AFTER_PLURAL.has(w)) return w;
  const [r1, r2] = regions(w);
  return endings(w, r1, r2).replaceAll('Y', 'y');
}

/** A `y` at the beginning or after a vowel is a consonant, written `Y`. */
const markY = (word: string): string => word.replace(/^y/, 'Y').replaceAll(/([aeiouy])y/g, '$1Y');

/** Where R1 and R2 begin: after the first consonant that follows a vowel, and again after the next. */
function regions(w: string): [number, number] {
  const prefix = /^(?:gener|commun|arsen|past|univers|later|emerg|organ|inter)/.exec(w)?.[0];
  const after = (from: number): number => {
    const found = /[aeiouy][^aeiouy]/.exec(w.slice(from));
    return found ? from + found.index + 2 : w.length;
  };
  const r1 = prefix === undefined ? after(0) : prefix.length;
  return [r1, after(r1)];
}

/** Steps 0 and 1a. */
function plural(word: string): string {
  const w = word.replace(/'s?'?$/, '');
  if (w.endsWith('sses')) return w.slice(0, -2);
  const ies = /^(.*)(?:ied|ies)$/.exec(w)?.[1];
  if (ies !== undefined) return ies.length > 1 ? `${ies}i` : `${ies}ie`;
  if (/(?:us|ss)$/.test(w) || !w.endsWith('s')) return w;
  return VOWEL.test(w.slice(0, -2)) ? w.slice(0, -1) : w;
}

function endings(word: string, r1: number, r2: number): string {
  const w = step1(word, r1);
  return step5(step4(step3(step2(w, r1), r1, r2), r2), r1, r2);
}

/** Steps 1b and 1c: `-ed`, `-ing`, and `y` after a consonant. */
function step1(word: string, r1: number): string {
  let w = word;
  const eed = /^(.*)(eedly|eed)$/.exec(w);
  const past = /^(.*?)(ingly|edly|ing|ed)$/.exec(w);
  if (eed) {
    if ((eed[1] ?? '').length >= r1) w = `${eed[1]}ee`;
  } else if (past && VOWEL.test(past[1] ?? '')) {
    w = past[1] ?? '';
    if (/^[^aeiouy]y$/.test(w) && past[2] === 'ing') w = `${w.slice(0, -1)}ie`;
    else if (/(?:at|bl|iz)$/.test(w)) w += 'e';
    else if (DOUBLE.test(w) && !/^[aeo]..$/.test(w)) w = w.slice(0, -1);
    else if (w.length <= r1 && SHORT_END.test(w)) w += 'e';
  }
  return w.replace(/(.[^aeiouy])[yY]$/, '$1i');
}

function step2(w: string, r1: number): string {
  for (const [ending, by] of STEP_2) {
    if (w.endsWith(ending)) return w.length - ending.length >= r1 ? w.slice(0, -ending.length) + by : w;
  }
  if (w.endsWith('ogi')) return w.length - 3 >= r1 && w.at(-4) === 'l' ? w.slice(0, -1) : w;
  if (w.endsWith('li')) return w.length - 2 >= r1 && /[cdeghkmnrt]li$/.test(w) ? w.slice(0, -2) : w;
  return w;
}

function step3(w: string, r1: number, r2: number): string {
  for (const [ending, by] of STEP_3) {
    if (w.endsWith(ending)) return w.length - ending.length >= r1 ? w.slice(0, -ending.length) + by : w;
  }
  return w.endsWith('ative') && w.length - 5 >= r2 ? w.slice(0, -5) : w;
}

function step4(w: string, r2: number): string {
  const ending = STEP_4.exec(w)?.[0];
  if (ending !== undefined) return w.length - ending.length >= r2 ? w.slice(0, -ending.length) : w;
  return /[st]ion$/.test(w) && w.length - 3 >= r2 ? w.slice(0, -3) : w;
}

function step5(w: string, r1: number, r2: number): string {
  if (w.endsWith('e')) {
    const kept = w.slice(0, -1);
    return kept.length >= r2 || (kept.length >= r1 && !SHORT_END.test(kept)) ? kept : w;
  }
  return w.endsWith('ll') && w.length - 1 >= r2 ? w.slice(0, -1) : w;
}
