/**
 * Serves every public method of the catalogue; there is no code per method.
 *
 * 1. Parameters are validated here once, with all faults in the error, and passed on in their validated form.
 * 2. A method that reads stored spans waits (for a limited time) until the events of an ended play are stored.
 * 3. The only joins are those in JOINS, and outputs that were too large for the events.
 */
import type { Bus } from '@hero/bus';
import {
  type Contract,
  HeroError,
  issuesOf,
  playEventsMark,
  playLogs,
  playSpansMethod,
  playStatus,
  publicContracts,
  spansReached,
} from '@hero/contracts';
import { refusedKeys } from '@hero/json';
import { fillOutputs } from './large-outputs.js';

const REACH_WITHIN_MS = 2_000;

interface Join {
  /** A join: the method whose result gets a field, the condition, and the call that provides the value. */
  method: string;
  when(params: Record<string, unknown>): boolean;
  from: Contract;
  field: string;
}

const includes =
  (word: string) =>
  ({ include }: Record<string, unknown>): boolean =>
    Array.isArray(include) && include.includes(word);

const JOINS: readonly Join[] = [
  { method: playStatus.name, when: includes('spans'), from: playSpansMethod, field: 'spans' },
  { method: playStatus.name, when: includes('logs'), from: playLogs, field: 'logs' },
];

export class Methods {
  private readonly table = new Map(publicContracts().map((contract) => [contract.name, contract]));

  constructor(private readonly bus: Bus) {}

  find(name: unknown): Contract | undefined {
    return typeof name === 'string' ? this.table.get(name) : undefined;
  }

  async call(contract: Contract, given: object, signal: AbortSignal): Promise<unknown> {
    const parsed = contract.params.safeParse(given);
    if (!parsed.success) {
      const message = `The parameters of ${contract.name} are invalid; see issues.`;
      throw new HeroError('INVALID_PARAMS', message, { issues: issuesOf(parsed.error) });
    }
    const params = parsed.data as Record<string, unknown>;
    const joins = JOINS.filter((join) => join.method === contract.name && join.when(params));
    const sid = params.play_sid;
    if (contract.readsSpans) await this.reach(sid, signal);
    // The gateway does not read these values and forwards them as the text that arrived.
    const asText = joins.length === 0 && !contract.readsSpans && !contract.waits;
    const result = await this.bus.askRaw(contract, params, { signal, asText }).catch((error: unknown) => {
      if (!contract.readsSpans) throw error;
      nothingYet(error);
      return contract.result.parse({ spans: [], items: [], seq: params.after_seq ?? 0, state: NO_HISTORY });
    });
    if (contract.readsSpans && typeof sid === 'string') await fillOutputs(this.bus, sid, result, signal);
    if (joins.length === 0) return result;
    await this.reach(sid, signal);
    const joined = joins.map(async ({ from, field }) => {
      const answer = await this.bus.askRaw(from, from.params.parse({ play_sid: sid }), { signal }).catch(nothingYet);
      if (typeof sid === 'string') await fillOutputs(this.bus, sid, answer, signal);
      return [field, answer === NOTHING ? [] : (answer as Record<string, unknown>)[field]];
    });
    return { ...(result as object), ...Object.fromEntries(await Promise.all(joined)) };
  }

  /** Waits until span-ingest has stored the events of an ended play. If the registry cannot be reached, the read continues without. */
  async reach(playSid: unknown, signal: AbortSignal): Promise<void> {
    if (typeof playSid !== 'string') return;
    try {
      const limits = { signal, timeoutMs: REACH_WITHIN_MS, retryUnavailable: false };
      const { mark } = await this.bus.ask(playEventsMark, { play_sid: playSid }, limits);
      if (!mark) return;
      const within = { play_sid: playSid, mark, within_ms: REACH_WITHIN_MS };
      await this.bus.ask(spansReached, within, { signal, timeoutMs: REACH_WITHIN_MS + 1_000 });
    } catch (error) {
      if (!(error instanceof HeroError) || (error.code !== 'UNAVAILABLE' && error.code !== 'TIMEOUT')) throw error;
    }
  }
}

const NO_HISTORY = { attempt: 0, final: null, final_at: null };

/** The registry knows the play, so NOT_FOUND from span-ingest means that no event of it has been stored yet. */
const NOTHING = Symbol('nothing yet');
function nothingYet(error: unknown): typeof NOTHING {
  if (error instanceof HeroError && error.code === 'NOT_FOUND') return NOTHING;
  throw error;
}

/** Refuses parameters with keys such as `__proto__`, with their paths. */
export function refuseKeys(params: unknown): void {
  const issues = refusedKeys(params).map((path) => ({ path, message: 'this key is not accepted' }));
  if (issues.length > 0) throw new HeroError('INVALID_PARAMS', 'Some keys are not accepted; see issues.', { issues });
}
