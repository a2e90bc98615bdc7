/**
 * Counts the free slots of all executors after everything has ended, also while more plays wait than there are slots.
 *
 * 1. No executor is busy, and no play has a process.
 * 2. Waiting plays do not change that (I11).
 * 3. As many plays as there are slots run at the same time, each until all the others run: otherwise a slot was lost.
 */
import type { HeroClient } from '@hero/openrpc';
import { until } from '@hero/testing';
import type { Street } from '../street.js';
import type { CheckName, Violation } from './checks.js';
import { processesOfPlays } from './waiting-probe.js';

const WITHIN_MS = 30_000;

const SOURCE = `
import os, time
from hero_tracing import flow

@flow(name="wait", inputs={"folder": "string", "count": "integer"})
def main(folder, count):
    if count == 0:
        return flow.pause("slot count")
    os.makedirs(folder, exist_ok=True)
    open(os.path.join(folder, os.path.basename(os.path.dirname(os.getcwd()))), "w").close()
    deadline = time.monotonic() + 20
    while len(os.listdir(folder)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(os.listdir(folder))} of {count} plays run side by side")
        time.sleep(0.02)
`;

export async function countSlots(street: Street, hero: HeroClient, folder: string): Promise<Violation[]> {
  const busy = await stillBusy(street, hero);
  if (busy !== undefined) return [`slots ${busy} though every play has ended`];
  const { sid: workflow_sid } = await hero.workflow_create({ name: 'slot count', python_source: SOURCE });
  const start = (count: number) =>
    hero.play_start({ workflow_sid, input_data: { folder: `${folder}/slots.d`, count } }).then(({ sid }) => sid);
  const total = await slotsOf(hero);
  const waiting = await Promise.all(Array.from({ length: total + 1 }, () => start(0)));
  const found = await waitingPlays(street, hero, waiting);
  if (found) return [found];
  const violations = await meet(hero, await Promise.all(Array.from({ length: total }, () => start(total))));
  await Promise.all(waiting.map((play_sid) => hero.play_cancel({ play_sid })));
  return violations;
}

/** Describes what is still occupied after a while. */
async function stillBusy(street: Street, hero: HeroClient): Promise<string | undefined> {
  let seen = '';
  const free = async (): Promise<boolean> => {
    const { services } = await hero.system_status({});
    const busy = services.filter(({ busy = 0 }) => busy > 0);
    const processes = await processesOfPlays(street.home);
    seen = [
      ...busy.map((executor) => `${executor.instance} has ${executor.busy} busy slots`),
      ...[...processes].map(([sid, pids]) => `play ${sid} has the processes ${pids.join()}`),
    ].join('; ');
    return seen === '';
  };
  return until(free, { within: 10_000 }).then(
    () => undefined,
    () => seen,
  );
}

async function slotsOf(hero: HeroClient): Promise<number> {
  const { services } = await hero.system_status({});
  return services.reduce((sum, { slots = 0 }) => sum + slots, 0);
}

async function waitingPlays(street: Street, hero: HeroClient, sids: string[]): Promise<Violation | undefined> {
  const wait = async (): Promise<boolean> => {
    const plays = await Promise.all(sids.map((play_sid) => hero.play_status({ play_sid })));
    return plays.every(({ status }) => status === 'awaiting_resume');
  };
  const all = await until(wait, { within: WITHIN_MS }).catch(() => false);
  if (!all) return `I11 ${sids.length} plays that wait do not fit beside each other: one of them keeps a slot`;
  const busy = await stillBusy(street, hero);
  return busy === undefined ? undefined : `I11 ${busy} though all plays wait`;
}

async function meet(hero: HeroClient, sids: string[]): Promise<Violation[]> {
  const ends = await Promise.all(sids.map((play_sid) => hero.play_wait({ play_sid, timeout_ms: WITHIN_MS })));
  const check: CheckName = 'slots';
  return ends
    .filter(({ status }) => status !== 'success')
    .slice(0, 1)
    .map((play): Violation => `${check} not every slot is free: ${play.error?.message ?? `a play is ${play.status}`}`);
}
