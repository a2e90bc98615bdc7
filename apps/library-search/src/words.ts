/** Splits texts into words, for indexed fields and for queries. */

const IDENTIFIER = /[\p{L}\p{N}\p{M}]+(?:[_-][\p{L}\p{N}\p{M}]+)*/gu;
const SEPARATOR = /[_-]/;
/** Word boundaries in camel case: between `service` and `Agent`, and between `HTTP` and `Server`. */
const CAMEL = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;
/** Scripts that are written without spaces; only a segmenter for the language finds their words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
/** Most words need nothing. */
const LOWER = /^[a-z]+$/;
const ASCII = /^[ -~\s]*$/;
const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });

/** Removes case, width and accents: `Résumé`, `RESUME` and `ｒｅｓｕｍｅ` become the same word, and so do `STRASSE` and `straße`. */
function fold(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return text
    .normalize('NFKD')
    .replaceAll(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
    .toUpperCase()
    .toLowerCase()
    .replaceAll('ς', 'σ');
}

function parts(identifier: string): string[] {
  if (LOWER.test(identifier)) return [identifier];
  return identifier
    .split(SEPARATOR)
    .flatMap((part) => part.split(CAMEL))
    .flatMap((part) => (UNSPACED.test(part) ? [...segmenter.segment(part)].map(({ segment }) => segment) : [part]))
    .map(fold)
    .filter((word) => word !== '');
}

const identifiers = (text: string): string[] => text.normalize('NFKC').match(IDENTIFIER) ?? [];

/** The words of a text in their order; `service_agent` is two words, and `serviceagent` is added to them where `whole` is set. */
export function wordsOf(text: string, whole = false): string[] {
  return identifiers(text.slice(0, MOST_CHARACTERS)).flatMap((identifier) => {
    const words = parts(identifier);
    return whole && words.length > 1 ? [...words, words.join('')] : words;
  });
}

/** Longer texts are indexed only up to here. */
const MOST_CHARACTERS = 10_000;
