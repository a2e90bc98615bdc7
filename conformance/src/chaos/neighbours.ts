/**
 * I12: honest plays beside a hostile one, which continues until they have ended.
 *
 * locked: a transaction holds the rows of plays that commit and emit, in both schemas.
 * poisoned: the database refuses the commits of a play, in requests with commits of other plays.
 * flooded: a play prints without end.
 */
import type { HeroClient } from '@hero/openrpc';
import { connected, until } from '@hero/testing';
import type { Street } from '../street.js';
import type { Violation } from './checks.js';

const WITHIN_MS = 40_000;
const HONEST = 4;

const SOURCE = `
import os, time
from hero_tracing import FlowError, flow

@flow(name="work")
def work(n):
    print(f"work {n}")
    return n

@flow(name="poison")
def poison(n):
    flow.current_span.cost(1.7e308)

@flow(name="neighbour", inputs={"role": "string"})
def main(role):
    n = 0
    while role != "honest" or n < 60:
        n += 1
        if role == "flooded":
            print("x" * 10_000)
        elif role == "poisoned":
            try:
                poison(n)
            except FlowError:
                pass
        else:
            work(n)
            time.sleep(0 if role == "honest" else 0.01)
    return n
`;

type Hostile = 'locked' | 'poisoned' | 'flooded';
const HOSTILE: readonly Hostile[] = ['locked', 'poisoned', 'flooded'];

export async function checkNeighbours(street: Street, hero: HeroClient): Promise<Violation[]> {
  const { sid } = await hero.workflow_create({ name: 'neighbour', python_source: SOURCE });
  const start = (role: string) =>
    hero.play_start({ workflow_sid: sid, input_data: { role } }).then(({ sid: play_sid }) => play_sid);
  const violations: Violation[] = [];
  const slots = (await hero.system_status({})).services.reduce((sum, { slots = 0 }) => sum + slots, 0);
  for (const role of HOSTILE) {
    // Enough locks to occupy every connection and writer that would wait for them; honest plays need slots, too.
    const count = role === 'locked' ? Math.max(1, Math.min(6, slots - HONEST)) : 1;
    const hostile = await Promise.all(Array.from({ length: count }, () => start(role)));
    for (const play_sid of hostile) await atWork(hero, play_sid, role);
    const release = role === 'locked' ? await lock(street, hostile) : async () => undefined;
    try {
      const honest = await Promise.all(Array.from({ length: HONEST }, () => start('honest')));
      const found = await Promise.all(honest.map((play_sid) => ended(hero, play_sid, role)));
      violations.push(...found.flat());
    } finally {
      await release();
      for (const play_sid of hostile) await hero.play_cancel({ play_sid }).catch(() => undefined);
    }
  }
  return violations;
}

async function atWork(hero: HeroClient, play_sid: string, role: Hostile): Promise<void> {
  const working = async (): Promise<boolean> =>
    (await hero.play_events({ play_sid })).items.some(({ type }) => type === 'log' || type === 'span_ended');
  await until(working, { within: WITHIN_MS, what: `the ${role} play at work` });
}

/** Checks that an honest play ends and its history is stored while the hostile one continues. */
async function ended(hero: HeroClient, play_sid: string, role: Hostile): Promise<Violation[]> {
  const play = await hero.play_wait({ play_sid, timeout_ms: WITHIN_MS });
  if (play.status !== 'success')
    return [`I12 an honest play beside a ${role} one is ${play.status}: ${JSON.stringify(play.error)}`];
  const told = async (): Promise<boolean> =>
    (await hero.play_events({ play_sid, limit: 1_000 })).items.some(
      (event) => event.type === 'status' && event.status === 'success',
    );
  const heard = await until(told, { within: WITHIN_MS }).catch(() => false);
  return heard ? [] : [`I12 the history of an honest play beside a ${role} one is not stored`];
}

async function lock(street: Street, sids: string[]): Promise<() => Promise<void>> {
  const held = await connected(street.databaseUrl);
  const { db } = held;
  await db.query('BEGIN');
  await db.query('SELECT FROM registry.plays WHERE sid = ANY($1) ORDER BY sid FOR UPDATE', [sids]);
  await db.query('SELECT FROM spans.plays WHERE sid = ANY($1) ORDER BY sid FOR UPDATE', [sids]);
  return async () => {
    await db.query('ROLLBACK');
    await held[Symbol.asyncDispose]();
  };
}
