/** Generates the TypeScript client of any OpenRPC service: one file without dependencies, for Node and browsers. */
import { Names, typeName } from './names.js';
import { runtimeFile } from './runtime.js';
import { memberNames, type Service, type ServiceMethod } from './service.js';
import type { Field } from './shapes.js';
import { comment, declaration, fields, literalText, propertyName, written } from './typescript-types.js';

/** Members that objects and promises have already. */
const WORDS: ReadonlySet<string> = new Set(['constructor', 'then', 'toString', 'valueOf', 'hasOwnProperty', 'toJSON']);
const JSON_TYPE = 'export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };\n';

export function serviceTypescript(service: Service): string {
  const { title, version, description, className, url, declarations, errors, methods } = service;
  const shapes = new Names([className, ...[...declarations, ...errors].map(({ name }) => name)]);
  const names = memberNames(
    methods.map(({ wire }) => wire),
    WORDS,
  );
  const named = methods
    .map((method) => ({ method, name: names.get(method.wire) ?? '' }))
    .map(({ method, name }) => ({ method, name, params: shapes.unique(`${typeName(name)}Params`) }));
  const table = errors.map(({ name, code }) => `[${code}]: ${name}`).join(', ');
  return [
    `/** ${comment(`Client of ${title} ${version}. Generated from its OpenRPC document; do not edit: \`hero_logic client\` writes it anew.`)} */`,
    runtimeFile('service_client.ts'),
    JSON_TYPE,
    ...errors.map(({ name, message }) => `/** ${comment(message)} */\nexport class ${name} extends RpcError {}\n`),
    ...declarations.map(declaration),
    ...named
      .filter(({ method }) => method.params.length > 0)
      .map(({ method, params }) => `export interface ${params} {\n${fields(method.params)}}\n`),
    `/** ${comment(`${title} ${version}. ${description}`.trim())} */`,
    `export class ${className} extends Service {`,
    '  constructor(options: ServiceOptions = {}) {',
    `    super(options, ${literalText(url)}, {${table && ` ${table} `}});`,
    '  }\n',
    `${named.map(({ method, name, params }) => methodText(method, name, params)).join('\n')}}\n`,
  ].join('\n');
}

function methodText(method: ServiceMethod, name: string, shape: string): string {
  const { wire, params, result } = method;
  const optional = params.every((param) => !param.required);
  const given = params.length > 0 ? `params: ${shape}${optional ? ' = {}' : ''}, ` : '';
  const type = result === undefined ? 'void' : written(result);
  const call = `(${literalText(wire)}, ${sent(method)}, options)`;
  return [
    '  /**',
    ...notes(method).map((line) => `   * ${comment(line)}`),
    '   */',
    `  async ${name}(${given}options?: CallOptions): Promise<${type}> {`,
    result === undefined ? `    await this._notify${call};` : `    return (await this._call${call}) as ${type};`,
    '  }\n',
  ].join('\n');
}

function sent({ params, positional }: ServiceMethod): string {
  if (positional) return `inOrder(${params.map(access).join(', ')})`;
  return params.length > 0 ? 'params' : '{}';
}

function access({ name }: Field): string {
  const property = propertyName(name);
  return property === name ? `params.${name}` : `params[${property}]`;
}

function notes({ wire, summary, description, deprecated, result, errors }: ServiceMethod): string[] {
  const said = [summary, description].filter((text, index, all) => text && all.indexOf(text) === index);
  return [
    ...(said.length > 0 ? said : [`Calls ${wire}.`]),
    ...(result === undefined ? ['A notification: nothing is returned, and no error.'] : []),
    ...(deprecated ? ['@deprecated'] : []),
    ...(result === undefined ? [] : errors.map(({ name, code, message }) => `@throws ${name} ${code}: ${message}`)),
  ];
}
