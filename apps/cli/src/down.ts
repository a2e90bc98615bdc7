import { endProcess, isAlive, startNats, startPostgres } from '@hero/embedded';
import { readRunState } from './run-state.js';
import { endLeftOvers } from './up.js';

/** Ends the processes of `up` for this HERO_HOME, also those that a killed `up` left behind. */
export async function down(home: string, say: (line: string) => void): Promise<void> {
  const state = await readRunState(home);
  if (!state) {
    say(`nothing runs for ${home}`);
    return;
  }
  if (await isAlive(state.supervisor)) {
    await endProcess(state.supervisor, [['SIGTERM', 120_000]]);
    say('stopped');
    return;
  }
  await endLeftOvers(home, say);
  // A killed `up` left the servers running; they are reused in order to stop them properly.
  if (state.postgres.embedded) await (await startPostgres({ home })).stop();
  if (state.nats.embedded) await (await startNats({ home })).stop();
  say('stopped what an earlier run had left');
}
