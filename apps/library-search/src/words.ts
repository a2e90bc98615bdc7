/** Splits texts into words, for indexed fields and for queries. */

const IDENTIFIER = /[\p{L}\p{N}\p{M}]+(?:[_-][\p{L}\p{N}\p{M}]+)*/gu;
const SEPARATOR = /[_-]/;
/** Word boundaries in camel case: between `service` and `Agent`, and between `HTTP` and `Server`. */
const CAMEL = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;
/** Scripts that are written without spaces; only a segmenter for the language finds their words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });

/** Removes case, width and accents: `Résumé`, `RESUME` and `ｒｅｓｕｍｅ` become the same word, and so do `STRASSE` and `straße`. */
const fold = (text: string): string =>
  text
    .normalize('NFKD')
    .replaceAll(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
    .toUpperCase()
    .toLowerCase()
    .replaceAll('ς', 'σ');

function parts(identifier: string): string[] {
  return identifier
    .split(SEPARATOR)
    .flatMap((part) => part.split(CAMEL))
    .flatMap((part) => (UNSPACED.test(part) ? [...segmenter.segment(part)].map(({ segment }) => segment) : [part]))
    .map(fold)
    .filter((word) => word !== '');
}

const identifiers = (text: string): string[] => text.normalize('NFKC').match(IDENTIFIER) ?? [];

/** The distinct words of a query. */
export const askedWords = (text: string): string[] => [...new Set(identifiers(text).flatMap(parts))];

/** The largest length of a description; longer fields are indexed only up to here. */
const MOST_CHARACTERS = 10_000;

/** The words of an indexed text; `service_agent` is found by its parts and by `serviceagent`. */
export function indexedWords(text: string): Set<string> {
  const words = new Set<string>();
  for (const identifier of identifiers(text.slice(0, MOST_CHARACTERS))) {
    const own = parts(identifier);
    for (const word of own) words.add(word);
    if (own.length > 1) words.add(own.join(''));
  }
  return words;
}
