import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runFolder, testPostgres } from '@hero/testing';
import { install, VERSIONS } from './install.js';
import { Program } from './program.js';
import type { System, Work } from './system.js';

/** Long enough for a workflow that was just started to be in its `recv`. */
const SETTLE = 50;

const LANGUAGES = {
  dbos: { name: 'DBOS, TypeScript', version: `SDK ${VERSIONS.dbos['@dbos-inc/dbos-sdk']}` },
  'dbos-python': { name: 'DBOS, Python', version: `dbos ${VERSIONS['dbos-python'].dbos}` },
} as const;

/** One process with the library in it, and a PostgreSQL of its own, as durable as the one that Hero Logic gets. */
export async function startDbos(id: 'dbos' | 'dbos-python'): Promise<System> {
  const packages = await install(id);
  const folder = await mkdtemp(join(await runFolder(), `${id}-`));
  const postgres = await testPostgres({ durable: true });
  const launch = async (): Promise<Program> => {
    const [command, ...args] =
      id === 'dbos'
        ? [process.execPath, '--disable-warning=DeprecationWarning', join(packages, 'dbos/app.mjs')]
        : [join(packages, 'venv/bin/python'), join(packages, 'dbos-python/app.py')];
    const env = { DATABASE_URL: postgres.url };
    return (await Program.start(command, args, { cwd: folder, name: LANGUAGES[id].name, env })).program;
  };
  let program = await launch();
  let replays = 0;

  /** The process dies while the workflow waits; the next one recovers it. */
  async function replay(count: number): Promise<number[]> {
    const workflow = `replay-${++replays}`;
    await program.ask({ work: 'remember', count, id: workflow });
    await program.kill();
    program = await launch();
    return await program.ask({ work: 'recovered', id: workflow });
  }

  return {
    id,
    ...LANGUAGES[id],
    run: (work: Work) =>
      work.work === 'replay'
        ? replay(work.count)
        : program.ask({ ...work, ...(work.work === 'answer' && { settle: SETTLE }) }),
    processes: () =>
      new Map([
        ['process', program.pid],
        ['PostgreSQL', postgres.pid],
      ]),
    async [Symbol.asyncDispose]() {
      await program.end();
      await postgres[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
