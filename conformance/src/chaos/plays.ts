/** The plays of a run: starts random flows, cancels, retries and forks some, and waits for their ends. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { HeroClient } from '@hero/openrpc';
import { patiently } from '../faults.js';
import type { Street } from '../street.js';
import type { Given } from './answerer.js';
import type { Violation } from './checks.js';
import { CHILD, inner, OTHER_VERSION } from './flow-source.js';
import { type FlowMix, randomFlow } from './random-flow.js';

/** A play whose end is to be checked. */
export interface Started {
  sid: string;
  /** The name of the file of effects, which children and forks share. */
  label: string;
  ids: string[];
  order: string[][][];
  beside: { question: string; work: string }[];
  pipelined: boolean;
  cancelled: boolean;
  /** The play from which this one inherits everything. */
  forkOf?: string;
}

export interface PlayMix extends FlowMix {
  /** Share of the plays that are cancelled. */
  cancelled?: number;
  /** Share of the successful plays that are forked. */
  forked?: number;
}

export class Plays {
  readonly started: Started[] = [];
  /** Flows that should have been accepted and were not. */
  readonly refused: Violation[] = [];
  ended = 0;
  cancels = 0;
  retries = 0;
  forks = 0;
  private labels = 0;
  private versions = 0;
  private readonly underWay = new Set<Promise<void>>();
  private over = false;

  constructor(
    private readonly street: Street,
    private readonly hero: HeroClient,
    private readonly folder: string,
    private readonly random: () => number,
    private readonly mix: PlayMix,
    private readonly given: Map<string, Given>,
  ) {}

  /** The workflows that random flows invoke. */
  async saveLibrary(): Promise<void> {
    await this.hero.workflow_create({ name: 'chaos inner', python_source: inner(0) });
    await this.hero.workflow_create({ name: 'chaos child', python_source: CHILD });
  }

  /** Keeps this many plays running until the time is over. */
  async feed(until: number, most: number): Promise<void> {
    while (Date.now() < until) {
      if (this.underWay.size < most) await this.startOne();
      else await Promise.race([...this.underWay, delay(200)]);
    }
  }

  /** Waits for the ends of all plays; returns those that did not end in time. */
  async finish(within: number): Promise<Violation[]> {
    const late = new AbortController();
    await Promise.race([
      Promise.all(this.underWay),
      delay(within, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    const open = await this.street.sql<{ sid: string; status: string }>(
      `SELECT sid, status FROM registry.plays WHERE status IN ('pending', 'running', 'awaiting_resume')`,
    );
    return open.map(
      ({ sid, status }): Violation => `I1 play ${sid} is still ${status}, ${within / 1000} s after the last fault`,
    );
  }

  /** Ends all waits for lost plays. */
  stop(): void {
    this.over = true;
  }

  private patiently<T>(call: () => Promise<T>): Promise<T> {
    return patiently(() => (this.over ? Promise.reject(new Error('the run is over')) : call()));
  }

  private async startOne(): Promise<void> {
    const label = `p${this.labels++}`;
    const flow = randomFlow(this.random, label, this.mix);
    const { ids, order, beside, pipelined } = flow;
    const play: Started = { sid: '', label, ids, order, beside, pipelined, cancelled: false };
    const prefill_resumes = Object.fromEntries(flow.prefilled.map((name) => [name, { n: this.random() }]));
    for (const [name, payload] of Object.entries(prefill_resumes)) {
      this.given.set(name, { accepted: [payload], possible: [] });
    }
    try {
      const workflow_sid = await this.patiently(() => this.save(label, flow.source));
      const input_data = { folder: this.folder, label };
      const ask = { workflow_sid, input_data, prefill_resumes, idempotency_key: label };
      play.sid = (await this.patiently(() => this.hero.play_start(ask))).sid;
    } catch (error) {
      this.refused.push(`accepted the flow ${label} was refused: ${String(error)}\n${flow.source}`);
      return;
    }
    this.started.push(play);
    // Without a saved version no play can run the wrong one.
    if (this.random() < 0.3) void this.moveOn(label, OTHER_VERSION).catch(() => undefined);
    if (this.random() < 0.3) void this.moveOn('chaos inner', inner(++this.versions)).catch(() => undefined);
    const work = this.attend(play, flow.failsFirst)
      .catch(() => undefined)
      .finally(() => {
        this.underWay.delete(work);
        this.ended++;
      });
    this.underWay.add(work);
  }

  /** The current version moves on under running plays (I9). */
  private async moveOn(name: string, python_source: string): Promise<void> {
    const { sid } = await this.patiently(() => this.hero.workflow_get({ name }));
    await this.patiently(() => this.hero.workflow_create_version({ workflow_sid: sid, python_source }));
  }

  /** Saves a workflow; if the reply was lost, finds it by its name. */
  private async save(name: string, python_source: string): Promise<string> {
    try {
      return (await this.hero.workflow_create({ name, python_source })).sid;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'CONFLICT') {
        return (await this.hero.workflow_get({ name })).sid;
      }
      throw error;
    }
  }

  private async attend(play: Started, failsFirst: boolean): Promise<void> {
    const { cancelled = 0.08, forked = 0.1 } = this.mix;
    if (this.random() < cancelled) await this.cancel(play);
    const ended = await this.patiently(() => this.hero.play_wait({ play_sid: play.sid }));
    if (ended.status === 'success' && this.random() < forked) await this.fork(play);
    if (failsFirst && ended.status === 'failed') await this.retry(play);
  }

  private async cancel(play: Started): Promise<void> {
    await delay(this.random() * 3_000);
    // From here on both ends are correct, because the reply may be lost.
    play.cancelled = true;
    this.cancels++;
    await this.patiently(() => this.hero.play_cancel({ play_sid: play.sid })).catch(() => undefined);
  }

  private async retry({ sid, label }: Started): Promise<void> {
    await writeFile(join(this.folder, `${label}-go`), '');
    this.retries++;
    await this.patiently(() => this.hero.play_retry({ play_sid: sid })).catch(() => undefined);
    await this.patiently(() => this.hero.play_wait({ play_sid: sid }));
  }

  /** A fork that inherits everything. It is not repeated, because a repeat after a lost reply would be another play. */
  private async fork(play: Started): Promise<void> {
    const fork = await this.hero.play_fork({ play_sid: play.sid }).catch(() => undefined);
    if (!fork) return;
    this.forks++;
    this.started.push({ ...play, sid: fork.sid, cancelled: false, forkOf: play.sid });
    await this.patiently(() => this.hero.play_wait({ play_sid: fork.sid }));
  }
}
