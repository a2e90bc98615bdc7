/** Generates the Python client from the OpenRPC document. */
import { type ErrorCode, ERRORS } from '@hero/contracts';
import type { OpenRpcDocument } from './document.js';
import { headOf } from './head.js';
import { runtimeFile } from './runtime.js';
import { memberName, PYTHON_WORDS } from './names.js';
import { declaration, signature, WIDTH, wrap, written } from './python-types.js';
import { type Method, shapesOf } from './shapes.js';

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
  'from collections.abc import Callable, Iterator, Mapping, Sequence',
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
  const bound = new Set<string>();
  const exported = ['Follow', 'HeroClient', 'HeroError', ...declarations.map(({ name }) => name)].sort();
  const parts = [
    headOf(document)
      .map((line) => `# ${line}`.trimEnd())
      .join('\n'),
    `"""Client of Hero Logic: a method per service method.\n\n    client = HeroClient()                       # unix socket below HERO_HOME, no token needed\n    client = HeroClient("http://127.0.0.1:9820", token_file="~/hero/var/admin.token")\n    play = client.play_start(workflow_name="welcome")\n    play = client.play_wait(play["sid"])\n\nShapes are TypedDicts: what is on the wire is the value.\n"""\n`,
    IMPORTS,
    `\n__all__ = [\n${exported.map((name) => `    "${name}",`).join('\n')}\n]\n`,
    `\n${runtimeFile('hero_client.py')}`,
    ...declarations.map((shape) => declaration(shape, bound)),
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
    seconds for a call. \`call\`: in a play, \`HeroClient(call=flow.call)\` calls what the play's grant allows, and each call is
    remembered; \`batch\`, \`follow\` and long waits need an address. Every method raises HeroError; it names the codes that say more than TIMEOUT and UNAVAILABLE.
    """

    def __enter__(self) -> HeroClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
`;
}

function method({ entry, name, params, result }: Method): string {
  const parts = ['self', ...params.filter((p) => p.required).map((p) => `${word(p.name)}: ${written(p.type)}`)];
  const optional = params.filter((p) => !p.required);
  if (optional.length > 0) parts.push('*', ...optional.map((p) => `${word(p.name)}: ${written(p.type)} = _LEFT_OUT`));
  const given = params
    .map(({ name: own }) => (word(own) === own ? `${own}=${own}` : `**{"${own}": ${word(own)}}`))
    .join(', ');
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

const word = (name: string): string => memberName(name, PYTHON_WORDS);
