/** The answer of system_status: the instances of all services, the embedded servers and the sandbox. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bus } from '@hero/bus';
import { HeroError, registryStatus, type ServiceInfo, type SystemStatus } from '@hero/contracts';
import { gatherInfo } from '@hero/service-kit';
import { z } from 'zod';

/** The file in which the supervisor describes the servers that it has started. */
const Embedded = z.object({
  nats: z.object({ embedded: z.boolean().default(true), pid: z.int().optional() }).optional(),
  postgres: z.object({ embedded: z.boolean().default(true), pid: z.int().optional() }).optional(),
});
type Embedded = z.infer<typeof Embedded>;

const NOT_EMBEDDED = { embedded: false };
const REGISTRY_WITHIN_MS = 2_000;
/** Ordered from the weakest. */
const LEVELS = ['off', 'default', 'strict'];

/** Collects the state of the system; services that do not answer do not hide the others. `setting`: the level that plays ask for. */
export async function systemStatus(bus: Bus, home: string, setting: string): Promise<SystemStatus> {
  const [services, registry, embedded] = await Promise.all([gatherInfo(bus), askRegistry(bus), readEmbedded(home)]);
  return {
    services,
    nats: { url: urlOf(bus), version: bus.nc.info?.version ?? '', ...(embedded.nats ?? NOT_EMBEDDED) },
    postgres: { version: registry?.postgres_version ?? null, ...(embedded.postgres ?? NOT_EMBEDDED) },
    sandbox: weakest(services) ?? setting,
    search: services.map(({ search }) => search).find((state) => state !== undefined) ?? null,
    queue: registry?.queue ?? null,
  };
}

/** The weakest level of all executors, because a play may run on any of them; machines and settings differ. */
function weakest(services: readonly ServiceInfo[]): string | undefined {
  const held = new Set(services.map(({ sandbox }) => sandbox));
  return LEVELS.find((level) => held.has(level));
}

/** Removes the credentials that the configured URL may contain. */
const urlOf = (bus: Bus): string => `nats://${bus.nc.getServer()}`;

async function askRegistry(bus: Bus) {
  try {
    return await bus.ask(registryStatus, {}, { timeoutMs: REGISTRY_WITHIN_MS, retryUnavailable: false });
  } catch (error) {
    if (error instanceof HeroError) return undefined;
    throw error;
  }
}

async function readEmbedded(home: string): Promise<Embedded> {
  try {
    const parsed = Embedded.safeParse(JSON.parse(await readFile(join(home, 'var', 'run', 'embedded.json'), 'utf8')));
    return parsed.success ? parsed.data : {};
  } catch {
    // There is no supervisor, or it is just writing the file: the embedded servers are unknown.
    return {};
  }
}
