/** A stopped (not killed) executor: its plays end by themselves and are taken over, and it commits nothing afterwards. */
import { readdir, readFile } from 'node:fs/promises';
import { HeroClient, unixTransport } from '@hero/openrpc';
import { until } from '@hero/testing';
import { Street } from '../src/street.js';

const LONG = `
import os, subprocess, time
from hero_tracing import flow

@flow(name="first")
def first():
    return 1

@flow(name="slow")
def slow():
    print("slow")
    subprocess.run(["sleep", "8.765"])
    return 2

@flow(name="long")
def main():
    return first() + slow()
`;

async function commandLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}
const sleepers = async (): Promise<number> =>
  (await commandLines()).filter((line) => line === 'sleep\x008.765\x00').length;

it('I2: a stopped executor loses its plays with its lease, and commits nothing when it continues', async () => {
  await using street = await Street.start({ executors: 1, slots: 4 });
  const hero = new HeroClient(unixTransport(street.rpcSocket));
  const { sid: workflow_sid } = await hero.workflow_create({ name: 'long', python_source: LONG });
  const { sid: play_sid } = await hero.play_start({ workflow_sid });
  await until(async () => (await sleepers()) === 1, { within: 10_000, what: 'the slow step' });

  const [stopped] = street.liveExecutors();
  const other = street.startExecutor();
  stopped?.signal('SIGSTOP');
  const stoppedAt = Date.now();
  // Only the fork server itself can end its plays now.
  await until(async () => (await sleepers()) === 0, { within: 10_000, what: 'the end of the stopped executor’s play' });
  await other;
  await until(async () => (await sleepers()) === 1, { within: 10_000, what: 'the takeover' });
  stopped?.signal('SIGCONT');

  const play = await hero.play_wait({ play_sid, timeout_ms: 30_000 });
  expect(Date.now() - stoppedAt).toBeGreaterThan(5_000);
  expect(play).toMatchObject({ status: 'success', output_data: 3, attempt: 2 });
  const steps = await street.sql<{ name: string; epoch: number }>(
    'SELECT name, epoch FROM registry.steps WHERE play_sid = $1 ORDER BY committed_at',
    [play_sid],
  );
  expect(steps).toEqual([
    { name: 'first', epoch: 1 },
    { name: 'slow', epoch: 2 },
  ]);
  hero.close();
}, 90_000);
