/** The processes of `up`: the services share one, and all of them come back when it is killed. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import type { SystemStatus } from '@hero/contracts';
import { HeroClient, HeroError, unixTransport } from '@hero/openrpc';
import { until } from '@hero/testing';
import { readRunState, rpcSocket } from '../src/run-state.js';
import { HeroHome } from './hero-home.js';

const TOGETHER = ['admin-gateway', 'library-search', 'registry', 'span-ingest'];
const ASKING = `
from hero_tracing import ask_user, flow

@flow(name="asking")
def main():
    return ask_user.text("Whom?", name="whom")
`;

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number).sort(byNumber);
}
const byNumber = (a: number, b: number): number => a - b;

const pidOf = (status: SystemStatus, name: string): number | undefined =>
  status.services.find((service) => service.name === name && service.healthy)?.pid;

/** The first status that is right; while the gateway is away, there is none. */
const statusOnce = (hero: HeroClient, isRight: (status: SystemStatus) => boolean): Promise<SystemStatus> =>
  until(
    async () => {
      const status = await hero.system_status({}).catch((error: unknown) => {
        if (error instanceof HeroError && error.retry) return undefined;
        throw error;
      });
      return status && isRight(status) && status;
    },
    { within: 60_000, what: 'the status that the test waits for' },
  );

function readyz(home: HeroHome): Promise<number | undefined> {
  const socketPath = join(dirname(rpcSocket(home.path)), 'admin.sock');
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, host: 'localhost', path: '/readyz' }, (reply) => {
      reply.resume();
      resolve(reply.statusCode);
    });
    asked.on('error', reject);
    asked.end();
  });
}

it('up is its supervisor, two servers, one process of services and one executor; kill -9 of the services loses nothing', async () => {
  await using home = await HeroHome.make();
  const up = home.start('up');
  await up.line(/^JSON-RPC/);
  const hero = new HeroClient(unixTransport(rpcSocket(home.path)));
  // An executor is healthy once it holds a lease, a moment after the registry has come up beside it; a busy service may miss one status.
  const before = await statusOnce(hero, (status) =>
    [...TOGETHER, 'executor'].every((name) => pidOf(status, name) !== undefined),
  );
  const services = pidOf(before, 'registry') ?? 0;
  const executor = pidOf(before, 'executor') ?? 0;
  expect(TOGETHER.map((name) => pidOf(before, name))).toEqual(TOGETHER.map(() => services));
  expect(await childrenOf(up.pid)).toEqual(
    [services, executor, before.nats.pid ?? 0, before.postgres.pid ?? 0].sort(byNumber),
  );
  expect(await childrenOf(executor)).toHaveLength(2); // the egress proxy and the fork server
  const { children } = (await readRunState(home.path)) ?? { children: {} };
  expect(Object.keys(children).sort()).toEqual(['executor-1', 'services']);

  await hero.workflow_create({ name: 'asking', python_source: ASKING });
  const { sid } = await hero.play_start({ workflow_name: 'asking' });
  expect((await hero.play_wait({ play_sid: sid, until: 'settled' })).status).toBe('awaiting_resume');
  process.kill(services, 'SIGKILL');
  await up.line(/^services ended \(SIGKILL\), starting it again/);
  const after = await statusOnce(hero, (status) =>
    TOGETHER.every((name) => ![undefined, services].includes(pidOf(status, name))),
  );
  expect(new Set(TOGETHER.map((name) => pidOf(after, name))).size).toBe(1);
  expect(pidOf(after, 'executor')).toBe(executor);
  expect(await readyz(home)).toBe(200);
  await hero.play_resume({ play_sid: sid, name: 'whom', payload: 'Ada' });
  expect((await hero.play_wait({ play_sid: sid })).output_data).toBe('Ada');
  expect((await home.run('infocheck')).code).toBe(0);
  hero.close();
}, 180_000);
