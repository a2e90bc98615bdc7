/**
 * One executor: what it is made of, in the order in which it starts and stops.
 *
 * It needs a NATS address and nothing else. The first fork server must come up before any work is taken.
 */
import { join } from 'node:path';
import type { SandboxReport } from '@hero/contracts';
import { openClientFolder } from '@hero/openrpc/client-folder';
import type { ServiceContext } from '@hero/service-kit';
import type { Surroundings } from './attempt.js';
import { Children } from './children.js';
import { Commits } from './commits.js';
import { withBroker } from './egress.js';
import { EgressProxy } from './egress-proxy.js';
import type { ForkSettings } from './fork-server.js';
import { ForkServers } from './fork-servers.js';
import { Inspections } from './inspections.js';
import { openLanes } from './lanes.js';
import { Lease } from './lease.js';
import { Environment } from './packages/environment.js';
import { Environments } from './packages/environments.js';
import { Installer } from './packages/installer.js';
import { Publisher } from './publisher.js';
import { resolvePython } from './python.js';
import { RegistryCalls } from './registry-calls.js';
import { RunningPlays } from './running-plays.js';
import { BROKER_KEY, Secrets } from './secrets/secrets.js';
import { openSecretFile } from './secrets/secret-file.js';
import { brokerOf, checkMounts, type ExecutorEnv } from './settings.js';
import { openWorkdirs } from './workdirs.js';

const EVENTS_STORED_WITHIN_MS = 2_000;

export class Executor {
  private constructor(
    private readonly around: Surroundings,
    readonly inspections: Inspections,
    private readonly plays: RunningPlays,
    private readonly lease: Lease,
  ) {}

  static async open(context: ServiceContext<ExecutorEnv>): Promise<Executor> {
    const { bus, env, instance, log, paths } = context;
    checkMounts(env.HERO_MOUNTS, paths.var, env.HERO_SECRETS_FILE);
    const egress = withBroker(env.HERO_EGRESS, env.AIBROKER_URL);
    const key = env.AIBROKER_API_KEY;
    const secrets = new Secrets(
      openSecretFile(env.HERO_SECRETS_FILE),
      new Map(key === undefined ? [] : [[BROKER_KEY, key]]),
    );
    const python = { ...(await resolvePython(env.HERO_PYTHON)), clients: await openClientFolder(paths.var) };
    const workdirs = await openWorkdirs(paths.plays, instance, python.executable, log);
    const lanes = await openLanes(join(paths.var, 'executors', instance), log);
    // At level off nothing stands between plays and the network of this machine.
    const proxied = egress.mode === 'proxy' && env.HERO_SANDBOX !== 'off';
    const proxy = proxied ? await EgressProxy.open(python, join(lanes.path, '..', 'egress.sock'), egress, log) : null;
    const hostNetwork = egress.mode === 'host' || env.HERO_SANDBOX === 'off';
    const settings = {
      socket: lanes.path,
      shown_plays: paths.plays,
      sandbox: env.HERO_SANDBOX,
      egress: egress.mode,
      proxy: proxy?.settings ?? null,
      mounts: env.HERO_MOUNTS,
      preload: env.HERO_PRELOAD,
    };
    /** `share`: what part of the processes that are kept ready it may have. */
    const environment = async (
      packages: ForkSettings['packages'],
      share: number,
      own = workdirs,
      least?: SandboxReport['level'],
    ): Promise<Environment> => {
      const forkSettings = { ...settings, plays: own.folder, packages };
      const options = { python, settings: forkSettings, recycleAfter: env.HERO_RECYCLE, foundation: proxy, least };
      const forks = await ForkServers.open(options, log);
      const most = Math.ceil((env.HERO_ARMED ?? env.HERO_SLOTS) * share);
      const wanted = (): boolean => lease.live && !plays.draining;
      const children = new Children(forks, lanes, own, { most, wanted }, log);
      return new Environment(forks, children, packages?.lock ?? null);
    };
    const base = await environment(null, 1);
    const { sandbox, notPreloaded } = base.forks;
    log.info({ python: python.executable, version: python.version, sandbox }, 'plays can be started');
    if (Object.keys(notPreloaded).length > 0)
      log.warn({ modules: notPreloaded }, 'HERO_PRELOAD: imported only for plays whose packages include them');
    const calls = new RegistryCalls(bus, instance);
    const publisher = new Publisher(bus);
    const alwaysReplay = env.HERO_ALWAYS_REPLAY;
    const root = join(paths.cache, 'environments');
    const tools = join(paths.cache, 'installers');
    const installer = new Installer({ python, root, tools, installer: env.HERO_INSTALLER });
    const environments = new Environments(
      base,
      installer,
      calls,
      {
        target: python.target,
        root,
        keepMs: env.HERO_PACKAGES_KEEP_MS,
        open: ({ id, ...packages }) => environment(packages, 1 / 4, workdirs.below(id), sandbox.level),
      },
      log,
    );
    if (proxy) proxy.onDied = () => environments.abandon();
    const commits = new Commits(calls);
    const around = {
      bus,
      calls,
      commits,
      environments,
      lanes,
      workdirs,
      publisher,
      secrets,
      broker: brokerOf(env),
      proxy,
      hostNetwork,
      alwaysReplay,
      log,
    };
    const plays = new RunningPlays(bus, around, {
      slots: env.HERO_SLOTS,
      drainMs: env.HERO_DRAIN_MS,
      leaseIsLive: () => lease.live,
    });
    const lease = new Lease(bus, {
      instance,
      now: () => ({ slots: plays.slots, busy: plays.busy, draining: plays.draining, plays: plays.plays }),
      onRenewed: (untilMs) => {
        environments.lease(untilMs);
        plays.wake();
        environments.refill();
      },
      onGone: (gone) => plays.gone(gone),
      onAnswered: (answered) => plays.answered(answered),
    });
    return new Executor(around, new Inspections(around), plays, lease);
  }

  async start(): Promise<void> {
    await this.lease.start();
    this.plays.start();
    this.around.environments.start();
  }

  info(): { slots: number; busy: number; healthy: boolean; sandbox: string } {
    const { slots, busy } = this.plays;
    return {
      slots,
      busy,
      healthy: this.around.environments.base.forks.healthy && this.lease.live,
      sandbox: this.around.environments.base.forks.sandbox.level,
    };
  }

  async stop(): Promise<void> {
    await this.plays.drain();
    await this.around.publisher.close(EVENTS_STORED_WITHIN_MS);
    this.around.commits.close();
    await this.lease.stop();
    await this.around.environments.stop();
    await this.around.proxy?.close();
    await this.around.lanes.close();
    await this.around.workdirs.close();
  }
}
