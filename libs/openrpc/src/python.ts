/** Generates the Python client from the OpenRPC document. */
import { type ErrorCode, ERRORS } from '@hero/contracts';
import type { OpenRpcDocument } from './document.js';
import { headOf } from './head.js';
import { runtimeFile } from './runtime.js';
import { type Declaration, type Field, type Method, shapesOf, type Type } from './shapes.js';

const WIDTH = 120;
const KEYWORDS = new Set([
  'from',
  'import',
  'class',
  'def',
  'in',
  'is',
  'not',
  'and',
  'or',
  'with',
  'as',
  'pass',
  'global',
]);
const IMPORTS = [
  'from __future__ import annotations\n',
  ...[
    'http.client',
    'itertools',
    'json',
    'math',
    'os',
    're',
    'select',
    'socket',
    'threading',
    'time',
    'urllib.parse',
  ].map((name) => `import ${name}`),
  'from collections.abc import Iterator, Mapping, Sequence',
  'from typing import Any, Literal, TypedDict, Union, cast',
].join('\n');

const wholeNote = (field: string): string =>
  `\`${field}\` is the full value, however large; \`whole\` fetches other values that the reply only refers to.`;

const FOLLOW = `    def whole(self, play_sid: str, value: Any) -> Any:
        """The full value of a play or a span: fetched if the reply has {"$size", "$ref"} in its place."""
        return self._whole(play_sid, value)

    def follow(self, play_sid: str, *, after_seq: int | None = None) -> Iterator[Follow]:
        """Follows a play live, until it is final.

        First comes {"kind": "snapshot", "play", "spans", "seq", "state"} (again as "resync" where this reader was too slow), then
        {"kind": "event", "event"} for each event, without a gap or a double also when the connection is lost in between,
        then {"kind": "end", "play"}. With \`after_seq\` there is no snapshot: the events after that number come first.
        """
        path = f"/api/plays/{urllib.parse.quote(play_sid, safe='')}/spans"
        # A large snapshot comes in pages before it. Of a span in several pages the last version counts.
        spans: dict[str, Span] = {}
        for kind, data in self._follow(path, after_seq):
            if kind == "event":
                yield {"kind": "event", "event": data}
            elif kind == "page":
                spans.update((span["id"], span) for span in data["spans"])
            elif kind in ("snapshot", "resync"):
                spans.update((span["id"], span) for span in data["spans"])
                data["spans"] = sorted(spans.values(), key=lambda span: span["first_seq"])
                spans = {}
                yield cast(Follow, {"kind": kind, **data})
            elif kind == "end":
                yield cast(Follow, {"kind": kind, **data})
`;

const FOLLOW_SHAPES = `
class FollowSnapshot(TypedDict):
    kind: Literal["snapshot", "resync"]
    play: Play
    spans: list[Span]
    seq: int
    state: HistoryState


class FollowEvent(TypedDict):
    kind: Literal["event"]
    event: PlayEvent


class FollowEnd(TypedDict):
    kind: Literal["end"]
    play: Play


Follow = Union[FollowSnapshot, FollowEvent, FollowEnd]
`;

/** A typed client in one file that needs the standard library only (Python 3.10 and later). */
export function pythonClient(document: OpenRpcDocument): string {
  const { declarations, methods } = shapesOf(document);
  const exported = ['Follow', 'HeroClient', 'HeroError', ...declarations.map(({ name }) => name)].sort();
  const parts = [
    headOf(document)
      .map((line) => `# ${line}`.trimEnd())
      .join('\n'),
    `"""Client of Hero Logic: a method per service method.\n\n    client = HeroClient()                       # unix socket below HERO_HOME, no token needed\n    client = HeroClient("http://127.0.0.1:9820", token_file="~/hero/var/admin.token")\n    play = client.play_start(workflow_name="welcome")\n    play = client.play_wait(play["sid"])\n\nShapes are TypedDicts: what is on the wire is the value.\n"""\n`,
    IMPORTS,
    `\n__all__ = [\n${exported.map((name) => `    "${name}",`).join('\n')}\n]\n`,
    `\n${runtimeFile('hero_client.py')}`,
    ...declarations.map(declaration),
    FOLLOW_SHAPES,
    clientHead(document),
    methods.map(method).join('\n'),
    FOLLOW,
  ];
  return parts.join('\n');
}

function clientHead(document: OpenRpcDocument): string {
  return `
class HeroClient(_Client):
    """A gateway of Hero Logic ${document.info.version}, over its unix socket or HTTP.

    \`address\`: path of a unix socket (default: below HERO_HOME) or \`http://host:port\`, which needs a token. \`timeout\`:
    seconds for a call. Every method raises HeroError; it names the codes that say more than TIMEOUT and UNAVAILABLE.
    """

    def __enter__(self) -> HeroClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
`;
}

function declaration(shape: Declaration): string {
  const note = shape.note ? `${wrap(shape.note, '# ')}\n` : '';
  if ('type' in shape) return `\n${note}${alias(shape.name, shape.type)}\n`;
  // `$size` is not a valid attribute name.
  if (shape.fields.some(({ name }) => !/^\w+$/.test(name))) {
    const members = shape.fields.map(({ name, type }) => `"${name}": ${written(type, true)}`);
    return `\n${note}${shape.name} = TypedDict("${shape.name}", {${members.join(', ')}})\n`;
  }
  const required = shape.fields.filter((field) => field.required);
  const optional = shape.fields.filter((field) => !field.required);
  // Before Python 3.11 all fields of a TypedDict are required, or all optional: one shape needs two classes.
  if (required.length === 0 || optional.length === 0) {
    const total = optional.length > 0 ? ', total=False' : '';
    return `\n${note}${body(`class ${shape.name}(TypedDict${total}):`, shape.fields)}`;
  }
  const base = body(`class _${shape.name}(TypedDict):`, required);
  return `\n${base}\n\n${note}${body(`class ${shape.name}(_${shape.name}, total=False):`, optional)}`;
}

function alias(name: string, type: Type): string {
  const line = `${name} = ${written(type, true)}`;
  if (line.length <= WIDTH) return line;
  const members = type.kind === 'union' ? type.of.map((member) => written(member, true)) : [];
  return members.length > 0 ? `${name} = Union[\n${members.map((m) => `    ${m},`).join('\n')}\n]` : line;
}

function body(head: string, fields: readonly Field[]): string {
  const lines = fields.map(
    ({ name, type, note }) => `${note ? `${wrap(note, '    # ')}\n` : ''}    ${name}: ${written(type)}\n`,
  );
  return `${head}\n${lines.join('')}`;
}

function method({ entry, name, params, result }: Method): string {
  const parts = ['self', ...params.filter((p) => p.required).map((p) => `${word(p.name)}: ${written(p.type)}`)];
  const optional = params.filter((p) => !p.required);
  if (optional.length > 0) parts.push('*', ...optional.map((p) => `${word(p.name)}: ${written(p.type)} = _LEFT_OUT`));
  const given = params.map((p) => `${word(p.name)}=${word(p.name)}`).join(', ');
  const type = written(result);
  const asked = entry['x-waits'] ? `self._wait("${entry.name}", params, "${entry['x-waits']}")` : undefined;
  const asking = asked ?? `self.call("${entry.name}"${params.length > 0 ? ', params' : ''})`;
  const call = entry['x-whole'] ? `self._with_whole(${asking}, "${entry['x-whole']}")` : asking;
  return [
    signature(name, parts, type),
    docstring({ entry, name, params, result }),
    ...(params.length > 0 ? [assignment(given)] : []),
    `        return cast(${JSON.stringify(type).replaceAll('\\"', "'")}, ${call})\n`,
  ].join('\n');
}

function signature(name: string, parts: string[], result: string): string {
  const line = `    def ${name}(${parts.join(', ')}) -> ${result}:`;
  if (line.length <= WIDTH) return line;
  const inner = `        ${parts.join(', ')}`;
  const inside = inner.length <= WIDTH ? inner : parts.map((part) => `        ${part},`).join('\n');
  return `    def ${name}(\n${inside}\n    ) -> ${result}:`;
}

function assignment(given: string): string {
  const line = `        params = _given(${given})`;
  if (line.length <= WIDTH) return line;
  const inner = `            ${given}`;
  const inside =
    inner.length <= WIDTH
      ? inner
      : given
          .split(', ')
          .map((part) => `            ${part},`)
          .join('\n');
  return `        params = _given(\n${inside}\n        )`;
}

function docstring({ entry, params, result }: Method): string {
  const notes = params.filter((p) => p.note).map((p) => wrap(`${word(p.name)}: ${p.note}`, '            ', '    '));
  const codes = entry.errors.map(({ $ref }) => $ref.split('/').pop() ?? '').filter((code) => !isAlways(code));
  const lines = [
    wrap(`"""${entry.summary}`, '        '),
    ...(entry.description ? ['', wrap(entry.description, '        ')] : []),
    ...(entry['x-whole'] ? ['', wrap(wholeNote(entry['x-whole']), '        ')] : []),
    ...(notes.length > 0 ? ['', '        Args:', ...notes] : []),
    '',
    `        Returns ${written(result).replaceAll('"', "'")}.${codes.length > 0 ? ` Raises HeroError: ${codes.join(', ')}.` : ''}`,
    '        """',
  ];
  return lines.join('\n');
}

/** Documents INVALID_PARAMS, which has the faults. */
const isAlways = (code: string): boolean => code !== 'INVALID_PARAMS' && ERRORS[code as ErrorCode].always;

const word = (name: string): string => (KEYWORDS.has(name) ? `${name}_` : name);

/** `eager`: the annotation is evaluated when the module loads, when names may not be bound yet and `|` needs types on both sides. */
function written(type: Type, eager = false): string {
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
      return type.name;
    case 'list':
      return `list[${written(type.of, eager)}]`;
    case 'map':
      return `dict[str, ${written(type.of, eager)}]`;
    case 'tuple':
      return `tuple[${type.of.map((member) => written(member, eager)).join(', ')}]`;
    case 'union': {
      const members = type.of.map((member) => written(member, eager));
      return eager ? `Union[${members.join(', ')}]` : members.join(' | ');
    }
  }
}

/** Breaks a sentence into lines that fit; `hang` indents all but the first. */
function wrap(text: string, indent: string, hang = ''): string {
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
