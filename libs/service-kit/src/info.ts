import { hostname } from 'node:os';
import type { Bus, GatherOptions } from '@hero/bus';
import { INFO_SUBJECT, ServiceInfo } from '@hero/contracts';

export type Identity = Pick<ServiceInfo, 'name' | 'instance' | 'version' | 'build_nr' | 'started_at'>;
export type ExtraInfo = Partial<Pick<ServiceInfo, 'slots' | 'busy' | 'healthy' | 'sandbox' | 'search'>>;

/** Answers `hero.info` for one instance. No queue group: every instance answers. */
export function answerInfo(bus: Bus, identity: Identity, extra: () => ExtraInfo): void {
  bus.nc.subscribe(INFO_SUBJECT, {
    callback: (error, message) => {
      if (error) return;
      const info: ServiceInfo = { ...identity, host: hostname(), pid: process.pid, healthy: true, ...extra() };
      message.respond(JSON.stringify(info));
    },
  });
}

/** Asks all instances of all services for their info; instances that do not answer in time are left out. */
export async function gatherInfo(bus: Bus, options: GatherOptions = {}): Promise<ServiceInfo[]> {
  const answers = await bus.gather(INFO_SUBJECT, options);
  return answers
    .map((answer) => ServiceInfo.safeParse(answer))
    .flatMap((parsed) => (parsed.success ? [parsed.data] : []))
    .sort((a, b) => a.name.localeCompare(b.name) || a.instance.localeCompare(b.instance));
}
