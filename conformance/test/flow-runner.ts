/** A street with the operations of flow tests: save, start, wait, answer. */
import { HeroClient, type shapes, unixTransport } from '@hero/openrpc';
import { type TempFolder, until } from '@hero/testing';
import { mountedFolder } from '../src/faults.js';
import { Street, type StreetOptions } from '../src/street.js';

export type Play = shapes.Play;
export type Json = shapes.Json;

/** Durable behaviour is tested twice: normally, and suspended and replayed after each commit. */
export const MODES = [
  ['plainly', {}],
  ['replayed after each commit', { HERO_ALWAYS_REPLAY: '1' }],
] as const;

const WITHIN_MS = 30_000;

export class FlowRunner implements AsyncDisposable {
  private saved = 0;

  private constructor(
    readonly street: Street,
    readonly hero: HeroClient,
    /** Whether every play is replayed after each commit. */
    readonly always: boolean,
    private readonly mounted: TempFolder,
  ) {}

  static async open(options: StreetOptions): Promise<FlowRunner> {
    const mounted = await mountedFolder();
    const street = await Street.start({ ...options, env: { ...options.env, HERO_MOUNTS: `${mounted.path}:rw` } });
    const always = options.env?.HERO_ALWAYS_REPLAY === '1';
    return new FlowRunner(street, new HeroClient(unixTransport(street.rpcSocket)), always, mounted);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hero.close();
    await this.street[Symbol.asyncDispose]();
    await this.mounted[Symbol.asyncDispose]();
  }

  /** Folder that plays may write to, for visible effects. */
  get folder(): string {
    return this.mounted.path;
  }

  /** Saves a source with the common imports, under the given or a new workflow name. */
  async save(source: string, name = `workflow ${++this.saved}`): Promise<shapes.Workflow> {
    return this.hero.workflow_create({ name, python_source: IMPORTS + source });
  }

  async version(workflow: shapes.Workflow, source: string): Promise<shapes.WorkflowVersion> {
    return this.hero.workflow_create_version({ workflow_sid: workflow.sid, python_source: IMPORTS + source });
  }

  async start(source: string, input_data: Record<string, Json> = {}): Promise<string> {
    const { sid } = await this.save(source);
    return (await this.hero.play_start({ workflow_sid: sid, input_data })).sid;
  }

  async ended(play_sid: string): Promise<Play> {
    const play = await this.hero.play_wait({ play_sid, timeout_ms: WITHIN_MS });
    if (play.completed_at === null) throw new Error(`still ${play.status}: ${JSON.stringify(play)}`);
    return play;
  }

  /** Plays it to its end, which must be a success, and returns its output. */
  async output(source: string, input_data: Record<string, Json> = {}): Promise<Json> {
    const play = await this.ended(await this.start(source, input_data));
    if (play.status !== 'success') throw new Error(`${play.status}: ${JSON.stringify(play.error)}`);
    return this.hero.whole(play.sid, play.output_data);
  }

  /** Waits until the play waits for this many questions (and nothing of it runs), and returns it. */
  async waiting(play_sid: string, questions = 1): Promise<Play> {
    let last: Play | undefined;
    const found = async (): Promise<Play | false> => {
      last = await this.hero.play_status({ play_sid, include: ['step_outputs'] });
      if (last.completed_at !== null) throw new Error(`it is ${last.status}: ${JSON.stringify(last.error)}`);
      return last.status === 'awaiting_resume' && last.pending_resumes.length === questions && last;
    };
    return until(found, { within: WITHIN_MS, what: `${questions} questions` }).catch((error: unknown) => {
      throw new Error(`${String(error)}; the play is ${JSON.stringify(last)}`);
    });
  }

  async answer(play_sid: string, name: string, payload: Json = null): Promise<void> {
    await this.hero.play_resume({ play_sid, name, payload });
  }

  async spans(play_sid: string): Promise<shapes.Span[]> {
    return (await this.hero.play_spans({ play_sid })).spans;
  }

  /** Kills every executor with SIGKILL, and returns when as many new ones are ready. */
  async replaceExecutors(): Promise<void> {
    const victims = this.street.liveExecutors();
    await Promise.all(victims.map((victim) => victim.kill()));
    await Promise.all(victims.map(() => this.street.startExecutor()));
  }
}

const IMPORTS = 'import asyncio, os, random, time\nfrom hero_tracing import ask_user, flow\n';
