/**
 * The tokenizer of BERT models without case (WordPiece): lower case, no accents, words and punctuation apart, and of each word the
 * longest pieces that the model knows. Compared with the tokenizer that the model was published with: test/wordpiece.test.ts.
 */

const UNKNOWN = '[UNK]';
const BEGIN = '[CLS]';
const END = '[SEP]';
const LONGEST_WORD = 100;

/** Control characters, which are left out. */
const CONTROL = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/gu;
const SPACE = /[\t\n\r]/g;
const ACCENT = /\p{Mn}/gu;
/** Chinese characters are words of their own. */
const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
/** Punctuation, and all other ASCII signs. */
const PUNCTUATION = /([\p{P}$+<=>^`|~])/gu;

export class WordPiece {
  private readonly ids: ReadonlyMap<string, number>;

  /** `vocabulary`: one piece a line; its number is its line. */
  constructor(vocabulary: string) {
    this.ids = new Map(vocabulary.split('\n').map((piece, id) => [piece, id]));
  }

  /** The numbers of the pieces of a text, with the signs for beginning and end; at most `most`. */
  encode(text: string, most: number): number[] {
    const pieces: string[] = [];
    for (const word of wordsOf(text)) {
      if (pieces.length >= most) break;
      pieces.push(...this.piecesOf(word));
    }
    return [BEGIN, ...pieces.slice(0, most - 2), END].map((piece) => this.ids.get(piece) as number);
  }

  private piecesOf(word: string): string[] {
    const characters = [...word];
    if (characters.length > LONGEST_WORD) return [UNKNOWN];
    const pieces: string[] = [];
    for (let from = 0; from < characters.length; ) {
      let to = characters.length;
      let piece = '';
      for (; to > from; to--) {
        piece = (from > 0 ? '##' : '') + characters.slice(from, to).join('');
        if (this.ids.has(piece)) break;
      }
      if (to === from) return [UNKNOWN];
      pieces.push(piece);
      from = to;
    }
    return pieces;
  }
}

function wordsOf(text: string): string[] {
  return text
    .replaceAll(SPACE, ' ')
    .replaceAll(CONTROL, '')
    .replaceAll(CHINESE, ' $& ')
    .normalize('NFD')
    .replaceAll(ACCENT, '')
    .toLowerCase()
    .replaceAll(PUNCTUATION, ' $1 ')
    .split(/\s+/u)
    .filter((word) => word !== '');
}
