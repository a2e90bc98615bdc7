#!/usr/bin/env node
/** The commands. What only one of them needs is imported when it runs: `up` stays for days, and starts before anything else can. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Json, JsonObject } from '@hero/contracts';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ClientOptions } from './client-command.js';
import { connect, isHeroError } from './client.js';
import { UsageError } from './environment.js';
import { heroHome } from './run-state.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const home = heroHome();
// Whoever read our lines may have gone: what runs is stopped in order all the same.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

/** `key=value`: the value is JSON where it reads as JSON, else the text itself. */
function keyValue(word: string, before: JsonObject = {}): JsonObject {
  const at = word.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write it as key=value');
  return { ...before, [word.slice(0, at)]: jsonOrText(word.slice(at + 1)) };
}
function jsonOrText(word: string): Json {
  try {
    return JSON.parse(word) as Json;
  } catch {
    return word;
  }
}
const finish = (ok: boolean): void => void (process.exitCode = ok ? 0 : 1);

const program = new Command('hero_logic')
  .description('Runnable, observable, resumable Python flows.')
  .option('--start', 'the same as `up`')
  .option('--stop', 'the same as `down`')
  .showHelpAfterError('(see --help)');

program
  .command('up')
  .description('starts everything and stays: PostgreSQL and nats-server unless DATABASE_URL and NATS_URL name others')
  .option('--each', 'one process per service, as in production', false)
  .option('--welcome', 'loads flows/ and plays `welcome`', false)
  .option('--once', 'ends after the welcome play; exit code 0 only if it succeeded', false)
  .action(async (options: { each: boolean; welcome: boolean; once: boolean }) => {
    const { up } = await import('./up-command.js');
    process.exitCode = await up({ home, say, ...options, welcome: options.welcome || options.once });
  });

program
  .command('down')
  .description('stops what `up` runs')
  .action(async () => (await import('./down.js')).down(home, say));

program
  .command('status')
  .description('services, executors and their slots, NATS, PostgreSQL, queue')
  .action(async () => {
    const { printStatus } = await import('./status.js');
    printStatus(await connect(home).system_status({}), say);
  });

program
  .command('info [service]')
  .description('what a service serves and reads: its service.toml')
  .action(async (service?: string) => (await import('./info.js')).printInfo(service, say));

program
  .command('infocheck')
  .description('compares every service.toml with its service, and with what runs')
  .action(async () => finish(await (await import('./info.js')).infoCheck(home, say)));

program
  .command('push <file>')
  .description('saves a Python file as a workflow, or as its next version')
  .option('--name <name>', 'the workflow’s name; default: what its entry flow declares')
  .action(async (file: string, { name }: { name?: string }) => {
    const { push } = await import('./library.js');
    const { workflow, change, remarks } = await push(connect(home), file, name);
    say(`${workflow.name}: ${change}, version ${workflow.current_version_number} (${workflow.sid})`);
    for (const remark of remarks) say(`  ${remark}`);
  });

program
  .command('run <name>')
  .description('plays a workflow and prints its output')
  .option('--input <key=value>', 'one input; repeat for more', keyValue)
  .option('--json <file>', 'all inputs as a JSON file; - for standard input')
  .option('--prefill <key=value>', 'the answer to a question, by name or glob; repeat for more', keyValue)
  .option('--follow', 'draws the live tree and asks questions here', false)
  .action(
    async (name: string, options: { input?: JsonObject; json?: string; prefill?: JsonObject; follow: boolean }) => {
      const { ending, followPlay } = await import('./follow.js');
      const hero = connect(home);
      const fromFile = options.json
        ? (JSON.parse(
            await (options.json === '-' ? text(process.stdin) : readFile(resolve(options.json), 'utf8')),
          ) as JsonObject)
        : {};
      const started = await hero.play_start({
        workflow_name: name,
        input_data: { ...fromFile, ...options.input },
        ...(options.prefill && { prefill_resumes: options.prefill }),
      });
      const play = options.follow
        ? await followPlay(hero, started.sid, { answers: process.stdin.isTTY ? 'ask' : 'none', say })
        : await hero.play_wait({ play_sid: started.sid, until: 'settled' });
      if (play.status === 'success') say(JSON.stringify(await hero.whole(play.sid, play.output_data), null, 2));
      process.stderr.write(`${ending(play)}  (play ${play.sid})\n`);
      if (play.status === 'awaiting_resume') {
        for (const { name: question } of play.pending_resumes)
          say(`answer it with: npx hero_logic resume ${play.sid} ${question} VALUE`);
      }
      finish(play.status === 'success' || play.status === 'awaiting_resume');
    },
  );

program
  .command('follow <play>')
  .description('draws the live tree of a play until it ends')
  .action(async (playSid: string) => {
    const { ending, followPlay } = await import('./follow.js');
    const play = await followPlay(connect(home), playSid, { answers: process.stdin.isTTY ? 'ask' : 'none', say });
    say(ending(play));
    finish(play.status === 'success');
  });

program
  .command('resume <play> <name> <value>')
  .description('answers a question of a play; VALUE is JSON, or text')
  .action(async (play_sid: string, name: string, value: string) => {
    const { resumed_at, kept } = await connect(home).play_resume({ play_sid, name, payload: jsonOrText(value) });
    say(kept ? `kept: no question "${name}" yet; it waits for it` : `answered at ${resumed_at}`);
  });

program
  .command('cancel <play>')
  .description('cancels a play and its children')
  .option('--reason <text>', 'why', '')
  .action(async (play_sid: string, { reason }: { reason: string }) => {
    const { ending } = await import('./follow.js');
    say(ending(await connect(home).play_cancel({ play_sid, reason })));
  });

program
  .command('client')
  .description('makes the typed client of an OpenRPC service; without --openrpc that of Hero Logic itself')
  .option('--openrpc <file or url>', 'the OpenRPC document, or the address of a service that describes itself')
  .addOption(new Option('--lang <language>', 'of the client').choices(['python', 'typescript']).default('python'))
  .option('--name <name>', 'name of the module; default: the title of the document and _client')
  .option(
    '--out <file>',
    'where to; - for standard output; default: var/clients below HERO_HOME, where plays can import it',
  )
  .action(async (options: ClientOptions) => (await import('./client-command.js')).makeClient(home, options, say));

program
  .command('search <words...>')
  .description('searches the library')
  .action(async (words: string[]) => {
    const hits = await connect(home).flow_library_search({ query: words.join(' ') });
    if (hits.length === 0) say('nothing found');
    for (const { name, description, why, weak } of hits) {
      const reasons = why.map(({ field, words }) => (words.length > 0 ? `${field}: ${words.join(' ')}` : field));
      say(`${name}  ${description.split('\n')[0]}  (${weak ? 'weak; ' : ''}${reasons.join(', ')})`);
    }
  });

program
  .command('broker')
  .description('a scripted language model for AIBROKER_URL: its answers come from a file (docs/testing.md)')
  .requiredOption('--script <file>', 'the answers, as JSON')
  .option('--port <port>', 'the port on 127.0.0.1; default: a free one, which it says', '0')
  .action(async (options: { script: string; port: string }) => {
    process.exitCode = await (await import('./broker.js')).broker(options);
  });

/** A fault of the caller or of the service is a sentence; anything else keeps its stack. */
function report(error: unknown): void {
  if (isHeroError(error)) {
    process.stderr.write(`${error.code}: ${error.message}\n`);
    for (const { path, message } of error.issues ?? []) process.stderr.write(`  ${path}: ${message}\n`);
  } else if (error instanceof UsageError) process.stderr.write(`${error.message}\n`);
  else process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}

const args = process.argv.map((word, i) =>
  i === 2 && word === '--start' ? 'up' : i === 2 && word === '--stop' ? 'down' : word,
);
await program.parseAsync(args).catch(report);
