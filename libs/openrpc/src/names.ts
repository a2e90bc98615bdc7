/**
 * Names for generated code. A document may hold any text, so a name is made of what both languages allow, and never of a word
 * that the generated file needs itself: nothing of a document gets into code other than as such a name, a quoted text or a comment.
 */

/** Words that Python reserves, and names of types that a member of a class would hide from the annotations beside it. */
export const PYTHON_WORDS = new Set(
  (
    'False None True and as assert async await break case class continue def del elif else except finally for from global if import in is ' +
    'lambda match nonlocal not or pass raise return try type while with yield ' +
    'int str float bool list dict tuple object bytes self cast super'
  ).split(' '),
);

/** Names of types that one of the generated files imports, defines or uses. */
const TYPE_WORDS = [
  ...'Any Callable Iterator Literal Mapping None Sequence TypedDict Union True False Exception'.split(' '),
  ...'AbortSignal Array Error Json Map Object Params Promise Record Response RpcError Send Service ServiceOptions Set'.split(
    ' ',
  ),
  ...'CallOptions ServiceUnreachable String Number Boolean Symbol Function Date Headers Request JSON'.split(' '),
];

/** Gives each name once: what is taken, or a word of the generated file, gets a number. */
export class Names {
  private readonly taken: Set<string>;

  constructor(words: Iterable<string> = []) {
    this.taken = new Set(words);
  }

  unique(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.taken.has(name); n += 1) name = `${wanted}${n}`;
    this.taken.add(name);
    return name;
  }
}

export const typeNames = (): Names => new Names(TYPE_WORDS);

/** `pet.find-all` → `PetFindAll`, `2d` → `T2d`. */
export function typeName(text: string): string {
  const name = pascal(text);
  if (name === '') return 'Shape';
  return /^[0-9]/.test(name) ? `T${name}` : name;
}

export const pascal = (text: string): string =>
  text
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

/** `pet.find-all` → `pet_find_all`; a word that the language keeps for itself gets an underscore: `from_`, `list_`. */
export function memberName(text: string, words: ReadonlySet<string>): string {
  const name = text.replace(/[^A-Za-z0-9_]+/g, '_').replace(/^_+|_+$/g, '');
  if (name === '') return 'unnamed';
  if (/^[0-9]/.test(name)) return `n${name}`;
  return words.has(name) ? `${name}_` : name;
}

/** Text of a document as one line without control characters: nothing in it can end a comment line. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\s]+/gu, ' ').trim();
