/** Checks the tokens that runs of bodies print: whether the history has them, and to which try they belong. */
import type { PlayEvent } from '@hero/contracts';
import type { Violation } from './checks.js';
import type { Evidence, PlayRow } from './evidence.js';

export interface Printed {
  /** Tokens that the history must have; none if an attempt may have been killed, because its last lines may be lost. */
  tokens: string[];
  /** Start of each run, by token. */
  runs: Map<string, number>;
  /** Time of the commit of a span's error, by span. */
  failed: Map<string, number>;
}

export function printedBy({ sid, attempt, status }: PlayRow, { rows, effects }: Evidence): Printed {
  const own = rows.filter(({ play_sid }) => play_sid === sid);
  const keys = new Set(own.map(({ key }) => key));
  const runs = effects.filter(({ key }) => keys.has(key));
  return {
    tokens: attempt === 1 && status === 'success' ? runs.map(({ token }) => token) : [],
    runs: new Map(runs.map(({ token, atMs }) => [token, atMs])),
    failed: new Map(own.filter(({ kind }) => kind === 'error').map(({ span_id, atMs }) => [span_id, atMs])),
  };
}

export function checkPrinted(sid: string, events: readonly PlayEvent[], printed?: Printed): Violation[] {
  if (!printed) return [];
  const logs = events.flatMap((event) => (event.type === 'log' ? [{ ...event, token: event.text.trim() }] : []));
  const violations = logs.flatMap(({ token, span_id }): Violation[] => {
    const ran = printed.runs.get(token);
    const committed = span_id ? printed.failed.get(span_id) : undefined;
    if (ran === undefined || committed === undefined || ran <= committed + 1) return [];
    return [`I3 play ${sid}: a try whose error was committed ran again ${(ran - committed).toFixed(1)} ms later`];
  });
  // I10: missing lines were reported as dropped.
  if (events.some(({ type }) => type === 'dropped')) return violations;
  const found = new Map<string, number>();
  for (const { token } of logs) found.set(token, (found.get(token) ?? 0) + 1);
  const missing = printed.tokens.filter((token) => found.get(token) !== 1);
  return [
    ...violations,
    ...missing.map(
      (token): Violation => `I10 play ${sid} printed ${token} once, its history has it ${found.get(token) ?? 0} times`,
    ),
  ];
}
