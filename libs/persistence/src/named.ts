/**
 * SQL with named parameters, for statements with more parameters than a reader can count.
 *
 * `:group_no` in the text stands for the field `group_no` of the parameters; a cast (`::text`) and a time format (`HH24:MI`) are not
 * parameters. The text is converted to numbered parameters once, when the module is loaded.
 */
import type { Row, Sql } from './database.js';

export type NamedStatement<P extends object, R extends object> = (sql: Sql, parameters: P) => Promise<R[]>;

export function named<P extends object, R extends object = Row>(name: string, text: string): NamedStatement<P, R> {
  const fields: string[] = [];
  const numbered = text.replace(/(?<![:\w]):([a-z]\w*)/g, (_parameter, field: string) => {
    if (!fields.includes(field)) fields.push(field);
    return `$${fields.indexOf(field) + 1}`;
  });
  return (sql, parameters) => {
    const given = new Map<string, unknown>(Object.entries(parameters));
    const missing = fields.find((field) => given.get(field) === undefined);
    if (missing !== undefined)
      throw new Error(`${name} needs the parameter ${missing}; pass null for no value, not undefined.`);
    return sql.query<R>(
      name,
      numbered,
      fields.map((field) => given.get(field)),
    );
  };
}
