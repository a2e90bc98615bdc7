/** Types in TypeScript: interfaces, aliases and annotations. */
import type { Declaration, Field, Type } from './shapes.js';

export function declaration(shape: Declaration): string {
  const note = shape.note ? `/** ${comment(shape.note)} */\n` : '';
  if ('type' in shape) return `${note}export type ${shape.name} = ${written(shape.type)};\n`;
  return `${note}export interface ${shape.name} {\n${fields(shape.fields)}}\n`;
}

export function fields(list: readonly Field[]): string {
  return list
    .map(({ name, type, required, note }) => {
      const said = note ? `  /** ${comment(note)} */\n` : '';
      return `${said}  ${propertyName(name)}${required ? '' : '?'}: ${written(type)};\n`;
    })
    .join('');
}

export const propertyName = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : literalText(name));

/** Text that does not end the comment in which it stands. */
export const comment = (text: string): string => text.replaceAll('*/', '*\\/');

/** A quoted text: escaped as JSON is, but in the quotes of this house. */
export const literalText = (text: string): string =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;

export function written(type: Type): string {
  switch (type.kind) {
    case 'json':
      return 'Json';
    case 'unknown':
      return 'unknown';
    case 'string':
    case 'boolean':
    case 'null':
      return type.kind;
    case 'integer':
    case 'number':
      return 'number';
    case 'literal':
      return type.values.map((value) => (typeof value === 'string' ? literalText(value) : String(value))).join(' | ');
    case 'named':
      return type.name;
    case 'list': {
      const inner = written(type.of);
      return inner.includes('|') ? `(${inner})[]` : `${inner}[]`;
    }
    case 'map':
      return `{ [key: string]: ${written(type.of)} }`;
    case 'tuple':
      return `[${type.of.map(written).join(', ')}]`;
    case 'union':
      return type.of.map(written).join(' | ');
  }
}
