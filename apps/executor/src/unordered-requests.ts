/**
 * What a play asks for beside its commits: children, sources, methods, secrets. They wait for nothing that the play asked before, and
 * are no groups.
 *
 * 1. A spawn is fenced and may be repeated: the place names the child (docs/protocol.md, section 8).
 * 2. A play calls what its version was granted, and what every play may: search the library, links to its own questions. The
 *    executor stamps whose call it is.
 * 3. A method that cannot be repeated is asked once: the play hears that the reply was lost.
 */
import { type Bus } from '@hero/bus';
import {
  CATALOGUE,
  type Contract,
  type ErrorCode,
  HeroError,
  messageOf,
  PAYLOAD_LIMIT,
  type PlayFrame,
  playHook,
  playResolve,
  playRunAsync,
  playSpawn,
  type Run,
} from '@hero/contracts';
import { failpoint } from '@hero/service-kit';
import type { ControlLane } from './control-lane.js';
import { type History, now } from './history.js';
import type { RegistryCalls } from './registry-calls.js';
import type { SecretGuard } from './secrets/guard.js';
import type { Broker } from './settings.js';

type Frame<T extends PlayFrame['t']> = Extract<PlayFrame, { t: T }>;
export type UnorderedRequest = Frame<'spawn' | 'resolve' | 'call' | 'secret' | 'broker'>;

/** What every play may call. */
const ALWAYS = new Set(['flow_library_search']);

const NO_BROKER =
  'The executor has no language model: start it with AIBROKER_URL, AIBROKER_API_KEY (or a secret of that name) and AIBROKER_MODEL.';

export interface UnorderedRequestsOf {
  run: Run;
  bus: Bus;
  guard: SecretGuard;
  broker: Broker | undefined;
  control: ControlLane;
  history: History;
  signal: AbortSignal;
  onFenced(): void;
}

export class UnorderedRequests {
  /** Names of secrets whose use is in the log. */
  private readonly told = new Set<string>();

  constructor(
    private readonly calls: RegistryCalls,
    private readonly of: UnorderedRequestsOf,
  ) {}

  /** Never rejects: the play gets its reply, or is fenced, or is over. */
  async run(frame: UnorderedRequest): Promise<void> {
    try {
      switch (frame.t) {
        case 'spawn':
          return await this.spawn(frame);
        case 'resolve':
          return await this.resolve(frame);
        case 'call':
          return await this.call(frame);
        case 'secret':
          return this.giveSecret(frame);
        case 'broker':
          return this.tellBroker(frame.id);
      }
    } catch (error) {
      if (this.of.signal.aborted) return;
      const code: ErrorCode = error instanceof HeroError ? error.code : 'INTERNAL';
      this.refuse(frame.id, code, explained(error));
    }
  }

  private async spawn({ id, place, parent_place, span_id, workflow_name, version_sid, input }: Frame<'spawn'>) {
    const child = { place, parent_place, span_id, workflow_name, version_sid, input };
    await failpoint('executor.spawn.before');
    const answer = await this.calls.untilAnswered(playSpawn, { ...this.fence, ...child }, this.of.signal);
    await failpoint('executor.spawn.after');
    const { result, child_play_sid, code = 'REFUSED', message = '' } = answer;
    if (result === 'fenced') return this.of.onFenced();
    if (child_play_sid === null) return this.refuse(id, code, message);
    this.of.history.add({ type: 'child_started', at: now(), span_id, child_play_sid });
    this.of.control.reply({ t: 'spawned', id, child_play_sid });
  }

  private async resolve({ id, workflow_name, version_sid }: Frame<'resolve'>): Promise<void> {
    const ask = { ...this.fence, workflow_name, version_sid };
    const found = await this.calls.untilAnswered(playResolve, ask, this.of.signal);
    this.of.control.reply({ t: 'resolved', id, ...found });
  }

  private async call({ id, method, params: text }: Frame<'call'>): Promise<void> {
    const { play_sid } = this.of.run;
    const given: unknown = JSON.parse(text);
    const contract = this.granted(method, given);
    const stamped = contract === playRunAsync ? { ...(given as object), parent_play_sid: play_sid } : given;
    const result = JSON.stringify(await this.ask(contract, stamped)) ?? 'null';
    if (Buffer.byteLength(result) > PAYLOAD_LIMIT) {
      throw new HeroError('PAYLOAD_TOO_LARGE', `The result of ${method} has more than 16 MiB; ask for less of it.`);
    }
    this.of.control.reply({ t: 'result', id, result });
  }

  private giveSecret({ id, name }: Frame<'secret'>): void {
    const { run, bus, guard, control } = this.of;
    const value = guard.give(name);
    if (!this.told.has(name)) bus.log.info({ play_sid: run.play_sid, epoch: run.epoch, secret: name }, 'secret given');
    this.told.add(name);
    control.reply({ t: 'secret', id, value });
  }

  /** The key is asked for as a secret. */
  private tellBroker(id: number): void {
    const { broker, control } = this.of;
    if (!broker) throw new HeroError('NOT_FOUND', NO_BROKER);
    control.reply({ t: 'broker', id, ...broker });
  }

  /** Rule 3. */
  private ask(contract: Contract, params: unknown): Promise<unknown> {
    const { signal, bus } = this.of;
    if (contract.idempotent) return this.calls.untilAnswered(contract, params, signal);
    return bus.ask(contract, params, { signal });
  }

  /** Rule 2. */
  private granted(method: string, params: unknown): Contract {
    const contract = CATALOGUE.get(method);
    if (contract?.visibility !== 'public') {
      throw new HeroError('NOT_FOUND', `There is no method ${method}; rpc.discover lists them.`);
    }
    const { grants, play_sid } = this.of.run;
    const own = contract === playHook && playHook.params.safeParse(params).data?.play_sid === play_sid;
    if (ALWAYS.has(method) || own || grants.includes(method)) return contract;
    throw new HeroError('FORBIDDEN', `This play may not call ${method}: declare it, as @flow(grants=["${method}"]).`);
  }

  private get fence(): { owner: string; play_sid: string; epoch: number } {
    const { play_sid, epoch } = this.of.run;
    return { owner: this.calls.owner, play_sid, epoch };
  }

  private refuse(id: number, code: string, message: string): void {
    this.of.control.reply({ t: 'refused', id, code, message });
  }
}

/** What the error says, with every fault of the parameters. */
function explained(error: unknown): string {
  const issues = error instanceof HeroError ? (error.issues ?? []) : [];
  return [messageOf(error), ...issues.map(({ path, message }) => `${path}: ${message}`)].join('\n');
}
