/** Generates the Python client of any OpenRPC service: one file, standard library only, `mypy --strict` clean. */
import { memberName, PYTHON_WORDS } from './names.js';
import { declaration, inDocstring, signature, wrap, written } from './python-types.js';
import { runtimeFile } from './runtime.js';
import { memberNames, type Service, type ServiceMethod } from './service.js';

const IMPORTS = [
  'from __future__ import annotations\n',
  ...['http.client', 'itertools', 'json', 'urllib.error', 'urllib.request'].map((name) => `import ${name}`),
  'from collections.abc import Callable, Mapping',
  'from typing import Any, Literal, TypedDict, Union, cast',
].join('\n');

export function servicePython(service: Service): string {
  const { title, version, className, declarations, errors, methods } = service;
  const bound = new Set<string>();
  const names = memberNames(
    methods.map(({ wire }) => wire),
    PYTHON_WORDS,
  );
  const exported = [
    className,
    'RpcError',
    'ServiceUnreachable',
    ...errors.map(({ name }) => name),
    ...declarations.map(({ name }) => name),
  ];
  return [
    `# Client of ${title} ${version}. Generated from its OpenRPC document; do not edit: \`hero_logic client\` writes it anew.`,
    `"""${inDocstring(`Client of ${title} ${version}: a method per service method.`)}\n\n    client = ${className}(${service.url ? '' : '"https://…"'})\n\nShapes are TypedDicts: what is on the wire is the value.\n"""\n`,
    IMPORTS,
    `\n__all__ = [\n${exported
      .sort()
      .map((name) => `    "${name}",`)
      .join('\n')}\n]\n`,
    `\n${runtimeFile('service_client.py')}`,
    ...errors.map(
      ({ name, message }) => `\nclass ${name}(RpcError):\n${wrap(`"""${inDocstring(message)}"""`, '    ')}\n`,
    ),
    ...declarations.map((shape) => declaration(shape, bound)),
    clientHead(service),
    methods.map((method) => methodText(method, names.get(method.wire) ?? '')).join('\n'),
  ].join('\n');
}

function clientHead({ className, title, version, description, url, errors }: Service): string {
  const table = errors.map(({ name, code }) => `${code}: ${name}`).join(', ');
  return [
    `\nclass ${className}(_Service):`,
    wrap(`"""${inDocstring(`${title} ${version}. ${description}`.trim())}`, '    '),
    '',
    '    `url`: default: the first server of the document. `headers`: for each request, e.g. a token. `timeout`: seconds for a',
    '    call. `send`: how a request reaches the service instead of by urllib. Every method raises RpcError where the service',
    '    refuses, and ServiceUnreachable.',
    '    """',
    '',
    `    _url = ${JSON.stringify(url)}`,
    `    _errors = {${table}}`,
    '',
  ].join('\n');
}

function methodText(method: ServiceMethod, name: string): string {
  const { wire, params, positional, result } = method;
  const own = memberNames(
    params.map((param) => param.name),
    PARAMS,
  );
  const word = (param: { name: string }): string => own.get(param.name) ?? '';
  const required = params.filter((param) => param.required);
  const optional = params.filter((param) => !param.required);
  const parts = ['self', ...required.map((param) => `${word(param)}: ${written(param.type)}`)];
  if (optional.length > 0)
    parts.push('*', ...optional.map((param) => `${word(param)}: ${written(param.type)} = _LEFT_OUT`));
  const given = positional
    ? `_in_order(${params.map(word).join(', ')})`
    : params.length === 0
      ? '{}'
      : `_given({${params.map((param) => `${JSON.stringify(param.name)}: ${word(param)}`).join(', ')}})`;
  const type = result && written(result);
  const call = `(${JSON.stringify(wire)}, ${given})`;
  return [
    signature(name, parts, type ?? 'None'),
    docstring(method, word, type),
    type === undefined ? `        self._notify${call}` : `        return cast(${quoted(type)}, self._call${call})`,
    '',
  ].join('\n');
}

/** Besides Python's own words: what the body of a method uses. */
const PARAMS: ReadonlySet<string> = new Set([...PYTHON_WORDS, 'Any', 'Literal', 'Union']);

/** A type as a text of Python; a literal in it may have quotes of its own. */
const quoted = (type: string): string => (type.includes('"') ? JSON.stringify(type) : `"${type}"`);

function docstring(method: ServiceMethod, word: (param: { name: string }) => string, type: string | undefined): string {
  const { wire, summary, description, deprecated, params, errors } = method;
  const first = summary || (description ? '' : `Calls ${wire}.`);
  const notes = params
    .filter((param) => param.note)
    .map((param) => wrap(inDocstring(`${word(param)}: ${param.note}`), '            ', '    '));
  const codes = errors.map((error) => `${error.name} (${error.code}: ${error.message})`).join(', ');
  const ends = type === undefined ? 'A notification: nothing is returned, and no error.' : `Returns ${type}.`;
  return [
    wrap(inDocstring(first || description), '        ').replace(/^ {8}/, '        """'),
    ...(first && description && description !== first ? ['', wrap(inDocstring(description), '        ')] : []),
    ...(deprecated ? ['', '        Deprecated.'] : []),
    ...(notes.length > 0 ? ['', '        Args:', ...notes] : []),
    '',
    wrap(inDocstring(`${ends}${codes && type !== undefined ? ` Raises ${codes}.` : ''}`), '        '),
    '        """',
  ].join('\n');
}

/** The file, without its ending, in which the client of a service is stored: `pet_store_client`. */
export const clientFileName = (title: string): string =>
  `${memberName(title.toLowerCase(), PYTHON_WORDS).replace(/_?client$/, '') || 'service'}_client`;
