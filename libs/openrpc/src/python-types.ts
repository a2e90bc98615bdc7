/**
 * Types in Python: TypedDicts, aliases and annotations, for Python 3.10 and later.
 *
 * An annotation of a method or a class is never evaluated. That of an alias is, when the module loads: there a name that is not bound yet is quoted.
 */
import { PYTHON_WORDS } from './names.js';
import type { Declaration, Field, Type } from './shapes.js';

export const WIDTH = 120;

/** Before Python 3.11 all fields of a TypedDict are required, or all optional: one shape with both needs two classes. */
export function declaration(shape: Declaration, bound: Set<string>): string {
  const note = shape.note ? `${wrap(shape.note, '# ')}\n` : '';
  const text = 'type' in shape ? `${note}${alias(shape.name, shape.type, bound)}\n` : typedDict(shape, note, bound);
  bound.add(shape.name);
  return `\n${text}`;
}

function typedDict({ name, fields }: { name: string; fields: Field[] }, note: string, bound: Set<string>): string {
  const required = fields.filter((field) => field.required);
  const optional = fields.filter((field) => !field.required);
  const both = required.length > 0 && optional.length > 0;
  const total = required.length === 0 && fields.length > 0 ? ', total=False' : '';
  if (fields.every((field) => isAttribute(field.name))) {
    if (!both) return note + body(`class ${name}(TypedDict${total}):`, fields);
    const base = body(`class _${name}(TypedDict):`, required);
    return `${base}\n\n${note}${body(`class ${name}(_${name}, total=False):`, optional)}`;
  }
  // `$size`, `from` and `list` are no attributes of a class, but keys of a call.
  const call = (own: string, list: Field[], end: string): string => {
    const members = list.map((field) => `${JSON.stringify(field.name)}: ${written(field.type, bound)}`);
    return `${own} = TypedDict("${own}", {${members.join(', ')}}${end})\n`;
  };
  if (!both) return note + call(name, fields, total);
  const parts = `${call(`_${name}`, required, '')}${call(`_${name}Optional`, optional, ', total=False')}`;
  return `${parts}\n\n${note}class ${name}(_${name}, _${name}Optional):\n    pass\n`;
}

/** A name that Python takes as an attribute, and that hides no type from the annotations after it. */
const isAttribute = (name: string): boolean =>
  /^[A-Za-z_]\w*$/.test(name) &&
  !name.startsWith('__') &&
  !(PYTHON_WORDS.has(name) && name !== 'type' && name !== 'object');

function alias(name: string, type: Type, bound: Set<string>): string {
  const line = `${name} = ${written(type, bound)}`;
  if (line.length <= WIDTH) return line;
  const members = type.kind === 'union' ? type.of.map((member) => written(member, bound)) : [];
  return members.length > 0 ? `${name} = Union[\n${members.map((m) => `    ${m},`).join('\n')}\n]` : line;
}

function body(head: string, fields: readonly Field[]): string {
  const lines = fields.map(
    ({ name, type, note }) => `${note ? `${wrap(note, '    # ')}\n` : ''}    ${name}: ${written(type)}\n`,
  );
  return `${head}\n${lines.join('') || '    pass\n'}`;
}

export function signature(name: string, parts: string[], result: string): string {
  const line = `    def ${name}(${parts.join(', ')}) -> ${result}:`;
  if (line.length <= WIDTH) return line;
  const inner = `        ${parts.join(', ')}`;
  const inside = inner.length <= WIDTH ? inner : parts.map((part) => `        ${part},`).join('\n');
  return `    def ${name}(\n${inside}\n    ) -> ${result}:`;
}

/** `bound`: the annotation is evaluated when the module loads, when only these names exist and `|` needs types on both sides. */
export function written(type: Type, bound?: ReadonlySet<string>): string {
  switch (type.kind) {
    case 'json':
    case 'unknown':
      return 'Any';
    case 'string':
      return 'str';
    case 'integer':
      return 'int';
    case 'number':
      return 'float';
    case 'boolean':
      return 'bool';
    case 'null':
      return 'None';
    case 'literal':
      return `Literal[${type.values.map((value) => (typeof value === 'boolean' ? (value ? 'True' : 'False') : JSON.stringify(value))).join(', ')}]`;
    case 'named':
      return bound && !bound.has(type.name) ? `"${type.name}"` : type.name;
    case 'list':
      return `list[${written(type.of, bound)}]`;
    case 'map':
      return `dict[str, ${written(type.of, bound)}]`;
    case 'tuple':
      return type.of.length === 0
        ? 'tuple[()]'
        : `tuple[${type.of.map((member) => written(member, bound)).join(', ')}]`;
    case 'union': {
      const members = type.of.map((member) => written(member, bound));
      return bound ? `Union[${members.join(', ')}]` : members.join(' | ');
    }
  }
}

/** Breaks a sentence into lines that fit; `hang` indents all but the first. */
export function wrap(text: string, indent: string, hang = ''): string {
  const lines: string[] = [];
  let line = indent;
  for (const token of text.split(/\s+/)) {
    if (line.trim() !== indent.trim() && line.length + 1 + token.length > WIDTH) {
      lines.push(line);
      line = `${indent}${hang}${token}`;
    } else {
      line += line === indent ? token : ` ${token}`;
    }
  }
  return [...lines, line].join('\n');
}

/** Text of a document as a part of a docstring. */
export const inDocstring = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"""', "'''");
