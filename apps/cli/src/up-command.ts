import { once } from 'node:events';
import { resolve } from 'node:path';
import { connect } from './client.js';
import { ending, followPlay } from './follow.js';
import { loadFlows } from './library.js';
import { loginLink } from './login.js';
import { rpcSocket } from './run-state.js';
import { startAll } from './up.js';

const FLOWS = resolve(import.meta.dirname, '../../../flows');

export interface UpCommand {
  home: string;
  each: boolean;
  welcome: boolean;
  once: boolean;
  say: (line: string) => void;
}

/** `up`: starts, plays `welcome` where asked, and stays until a signal (or, with `once`, ends). Returns the exit code. */
export async function up({ home, each, welcome, once: endsAfter, say }: UpCommand): Promise<number> {
  const asked = stopAsked();
  const began = Date.now();
  say(`Hero Logic (build ${process.env.HERO_BUILD_NR ?? 'dev'}) starts in ${home}`);
  const running = await startAll({ home, each, say });
  const hero = connect(home);
  try {
    say(`ready after ${((Date.now() - began) / 1000).toFixed(1)} s`);
    for (const { workflow, change } of await loadFlows(hero, FLOWS))
      say(`flow ${workflow.name}: ${change}, version ${workflow.current_version_number}`);
    let ok = true;
    if (welcome) {
      const started = await hero.play_start({ workflow_name: 'welcome' });
      say(`\nplays welcome (${started.sid})\n`);
      const played = await Promise.race([
        followPlay(hero, started.sid, { answers: process.stdin.isTTY ? 'ask' : 'default', say }),
        asked,
      ]);
      if (played === 'stop') return 130;
      ok = played.status === 'success';
      say(`\n${ending(played)}`);
      if (ok) say(JSON.stringify(await hero.whole(played.sid, played.output_data)));
    }
    if (endsAfter) return ok ? 0 : 1;
    const link = await loginLink(home);
    say(`\nadmin      ${link}   (a login link, good once)`);
    say(`JSON-RPC   ${new URL('/rpc', link).href}  and  ${rpcSocket(home)}`);
    say(`NATS       ${withoutPassword(running.natsUrl)}`);
    say('\nCtrl-C stops everything.');
    await asked;
    return 0;
  } finally {
    say('stopping');
    // The client waits for a gateway that is away to come back; this one is leaving for good.
    hero.close();
    await running.stop();
  }
}

function stopAsked(): Promise<'stop'> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  return Promise.race(signals.map((signal) => once(process, signal))).then(() => 'stop');
}

function withoutPassword(url: string): string {
  const shown = new URL(url);
  if (shown.password) shown.password = '***';
  return shown.href;
}
