/**
 * Searches one form of a secret.
 *
 * 1. A form is several small regular expressions, one after the other: V8 refuses or overflows on that of a long secret.
 * 2. Each one is compiled and executed once before the secret is used (`tryOut`), because V8 compiles at the first execution.
 */
import { formsOf, valuesOf } from './forms.js';

export interface Found {
  readonly finder: Finder;
  readonly start: number;
  readonly end: number;
}

export class Finder {
  private readonly head: RegExp;
  private readonly tail: readonly RegExp[];

  private constructor(
    readonly name: string,
    [head = '(?!)', ...tail]: readonly string[],
  ) {
    this.head = new RegExp(head, 'g');
    this.tail = tail.map((piece) => new RegExp(piece, 'y'));
  }

  static all(name: string, value: string): Finder[] {
    try {
      return formsOf(value).map((pieces) => new Finder(name, pieces));
    } catch {
      throw new Error(`The secret ${name} cannot be searched for.`); // the error of a RegExp quotes the secret
    }
  }

  /** The first place from `from` on. */
  next(text: string, from: number): Found | undefined {
    this.head.lastIndex = from;
    for (let found = this.head.exec(text); found; found = this.head.exec(text)) {
      const end = this.endOf(text, this.head.lastIndex);
      if (end !== undefined && end > found.index) return { finder: this, start: found.index, end };
      this.head.lastIndex = found.index + 1;
    }
    return undefined;
  }

  /** Rule 2: twice for each kind of text, because V8 compiles anew for texts beyond Latin-1 and for what is used again. */
  tryOut(): void {
    for (const piece of [this.head, ...this.tail]) {
      for (const text of ['x', 'x', '…', '…']) {
        piece.lastIndex = 0;
        piece.exec(text);
      }
    }
  }

  private endOf(text: string, from: number): number | undefined {
    let end = from;
    for (const piece of this.tail) {
      piece.lastIndex = end;
      if (!piece.test(text)) return undefined;
      end = piece.lastIndex;
    }
    return end;
  }
}

/** Whether this secret is found where it stands. What went wrong is not told, because a RegExp's error quotes the secret. */
export function canBeFound(secret: string): boolean {
  try {
    const finders = valuesOf(secret).flatMap((value) => Finder.all('', value));
    for (const finder of finders) finder.tryOut();
    return finders.some((finder) => finder.next(secret, 0)?.start === 0);
  } catch {
    return false;
  }
}
