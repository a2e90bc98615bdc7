/** Generates the TypeScript client from the OpenRPC document. */
import type { OpenRpcDocument } from './document.js';
import { headOf } from './head.js';
import { runtimeFile } from './runtime.js';
import { pascal } from './names.js';
import { type Method, shapesOf } from './shapes.js';
import { declaration, fields, written } from './typescript-types.js';

const FOLLOW = `  /**
   * Follows a play live, until it is final: \`snapshot\` (again as \`resync\` where this reader was too slow), then each
   * \`event\` without a gap or a double, also when the connection is lost in between, then \`end\`. With \`after_seq\` there
   * is no snapshot: the events after that number come first.
   */
  async *follow(play_sid: string, options: { after_seq?: number; signal?: AbortSignal } = {}): AsyncGenerator<Follow> {
    const path = \`/api/plays/\${encodeURIComponent(play_sid)}/spans\`;
    // A large snapshot comes in pages before it. Of a span in several pages the last version counts.
    const spans = new Map<string, Span>();
    for await (const { event, data } of this.sent(path, { after: options.after_seq, until: 'end', signal: options.signal })) {
      if (event === 'event') yield { kind: 'event', event: data as PlayEvent };
      else if (event === 'page') for (const span of (data as { spans: Span[] }).spans) spans.set(span.id, span);
      else if (event === 'snapshot' || event === 'resync') {
        const last = data as Omit<FollowSnapshot, 'kind'>;
        for (const span of last.spans) spans.set(span.id, span);
        yield { kind: event, ...last, spans: [...spans.values()].sort((a, b) => a.first_seq - b.first_seq) };
        spans.clear();
      } else if (event === 'end') yield { kind: 'end', ...(data as { play: Play }) };
    }
  }

  /** Announcements for lists: a play or a workflow has changed. \`resync\`: some may have been missed, so read the list again. */
  async *changes(options: { signal?: AbortSignal } = {}): AsyncGenerator<Change> {
    for await (const { event, data } of this.sent('/api/events', { signal: options.signal })) {
      yield { ...(data as object), kind: event } as Change;
    }
  }
}
`;

const FOLLOW_SHAPES = `
export interface FollowSnapshot {
  kind: 'snapshot' | 'resync';
  play: Play;
  /** The spans, in the order in which they were first reported. */
  spans: Span[];
  seq: number;
  state: HistoryState;
}
export type Follow = FollowSnapshot | { kind: 'event'; event: PlayEvent } | { kind: 'end'; play: Play };
export type Change = { kind: 'play' | 'workflow'; sid: string; [fact: string]: Json } | { kind: 'resync' };

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
`;

/** A typed client in one file without dependencies. */
export function typescriptClient(document: OpenRpcDocument): string {
  const { declarations, methods } = shapesOf(document);
  return [
    ['/**', ...headOf(document).map((line) => ` * ${line}`), ' */'].join('\n'),
    runtimeFile('hero_client.ts'),
    FOLLOW_SHAPES,
    ...declarations.map(declaration),
    ...methods.map(paramsShape),
    `/** A gateway of ${document.info.title} ${document.info.version}: a method per service method. */`,
    'export class HeroClient extends HeroCaller {',
    methods.map(method).join('\n'),
    FOLLOW,
  ].join('\n');
}

const paramsName = (method: Method): string => `${pascal(method.entry.name)}Params`;

function paramsShape(method: Method): string {
  return method.params.length === 0 ? '' : `export interface ${paramsName(method)} {\n${fields(method.params)}}\n`;
}

function method(m: Method): string {
  const { entry, name, params, result } = m;
  const optional = params.every((param) => !param.required);
  const given = params.length > 0 ? `params: ${paramsName(m)}${optional ? ' = {}' : ''}, ` : '';
  const passed = params.length > 0 ? 'params' : '{}';
  const codes = entry.errors.map(({ $ref }) => $ref.split('/').pop()).join(', ');
  const asking = entry['x-waits']
    ? `this.wait('${entry.name}', ${passed}, '${entry['x-waits']}', options)`
    : `this.call('${entry.name}', ${passed}, options)`;
  const whole = entry['x-whole'];
  const call = whole ? `this.withWhole(${asking}, '${whole}', options)` : asking;
  const type = written(result);
  return [
    '  /**',
    `   * ${entry.summary}`,
    ...(entry.description ? [`   * ${entry.description}`] : []),
    ...(whole
      ? [
          `   * \`${whole}\` is the full value, however large; \`whole\` fetches other values that the reply only refers to.`,
        ]
      : []),
    `   * @throws HeroError ${codes}`,
    '   */',
    `  async ${name}(${given}options?: CallOptions): Promise<${type}> {`,
    `    return (await ${call}) as ${type};`,
    '  }\n',
  ].join('\n');
}
