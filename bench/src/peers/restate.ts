import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runFolder } from '@hero/testing';
import { install, VERSIONS } from './install.js';
import { Program } from './program.js';
import type { System, Work } from './system.js';

/** Long enough for an idle invocation of the service `suspended` to be suspended (bench/peers/restate/services.mjs). */
const SETTLE = 500;

/** One Restate server with its defaults (it flushes its log to disk), one process of services, and a client in a third. */
export async function startRestate(): Promise<System> {
  const packages = await install('restate');
  const folder = await mkdtemp(join(await runFolder(), 'restate-'));
  const [ingress, admin, fabric] = await freePorts(3);
  const platform = `restate-server-${process.platform}-${process.arch}`;
  const server = spawn(
    join(packages, 'node_modules/@restatedev', platform, 'bin/restate-server'),
    ['--base-dir', join(folder, 'data'), '--node-name', 'bench', '--no-logo', '--listen-mode', 'tcp'],
    {
      // The watcher of the run folder ends what works there, should the bench be killed.
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        RESTATE_BIND_IP: '127.0.0.1',
        RESTATE_BIND_PORT: String(fabric),
        RESTATE_INGRESS__BIND_PORT: String(ingress),
        RESTATE_ADMIN__BIND_PORT: String(admin),
        RESTATE_DISABLE_TELEMETRY: 'true',
        // It asks GitHub for a newer release, and would say so loudly where there is no way out.
        RESTATE_LOG_FILTER: 'error,octocrab=off',
        DO_NOT_TRACK: '1',
      },
    },
  );
  const services = await Program.start(process.execPath, [join(packages, 'restate/services.mjs')], {
    cwd: folder,
    name: 'the services of Restate',
    env: { RESTATE_LOGGING: 'ERROR' },
  });
  await register(`http://127.0.0.1:${admin}`, `http://127.0.0.1:${String(services.ready.port)}`);
  const { program } = await Program.start(process.execPath, [join(packages, 'restate/driver.mjs')], {
    cwd: folder,
    name: 'the client of Restate',
    env: { INGRESS: `http://127.0.0.1:${ingress}` },
  });
  return {
    id: 'restate',
    name: 'Restate',
    version: `server ${VERSIONS.restate['@restatedev/restate-server']}, TypeScript SDK ${VERSIONS.restate['@restatedev/restate-sdk']}`,
    run: (work: Work) => program.ask({ ...work, settle: SETTLE }),
    processes: () =>
      new Map([
        ['server', server.pid ?? 0],
        ['services', services.program.pid],
      ]),
    async [Symbol.asyncDispose]() {
      await program.end();
      await services.program.end();
      server.kill('SIGKILL'); // its folder goes with it
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function register(admin: string, uri: string): Promise<void> {
  const body = JSON.stringify({ uri });
  const headers = { 'content-type': 'application/json' };
  for (const end = Date.now() + 60_000; ; ) {
    const reply = await fetch(`${admin}/deployments`, { method: 'POST', headers, body }).catch(() => undefined);
    if (reply?.ok) return;
    if (Date.now() > end) throw new Error(`Restate took no services: ${(await reply?.text()) ?? 'no answer'}`);
    await delay(100);
  }
}

/** Free ports of the loopback interface; held together for a moment, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
