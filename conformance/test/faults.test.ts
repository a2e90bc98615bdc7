/** A short version of `npm run faults`: all services around the plays are killed, and no play is lost. */
import { playFaults } from '../src/faults.js';
import { MODES } from './flow-runner.js';

const WHAT = 'loses no play and repeats no committed step when executors, services, NATS and PostgreSQL are killed';
it.each(MODES)(
  `${WHAT}, %s`,
  async (_, env) => {
    const report = await playFaults({
      alwaysReplay: 'HERO_ALWAYS_REPLAY' in env,
      plays: 30,
      steps: 10,
      paceMs: 100,
      executors: 2,
      slots: 4,
      seed: 7,
      executorKills: 4,
      natsKills: 1,
      jetStreamWipes: 1,
      postgresKills: 1,
      serviceKills: { registry: 1, 'span-ingest': 1, 'admin-gateway': 1 },
      every: 700,
      within: 120_000,
    });
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ plays: 30, steps: 300 });
  },
  240_000,
);
