/**
 * Compares running services with their service.toml. A service compares the two at its start; later the file may be edited,
 * another version may run, or a subscription may be lost.
 */
import { hostname } from 'node:os';
import type { Bus, GatherOptions } from '@hero/bus';
import { SELF_SUBJECT } from '@hero/contracts';
import { z } from 'zod';
import { differences, readManifest } from './manifest.js';

/** The answer of one instance on `hero.self`: the subjects and environment that it really uses. */
const RunningSelf = z.object({
  name: z.string(),
  instance: z.string(),
  host: z.string(),
  version: z.string(),
  subjects: z.array(z.string()),
  environment: z.array(z.string()),
  sockets: z.array(z.string()),
});
type RunningSelf = z.infer<typeof RunningSelf>;

/** Answers for one instance, without a queue group, so that every instance answers. */
export function answerSelf(bus: Bus, self: () => Omit<RunningSelf, 'host'>): void {
  bus.nc.subscribe(SELF_SUBJECT, {
    callback: (error, message) => {
      if (!error) message.respond(JSON.stringify({ ...self(), host: hostname() }));
    },
  });
}

export interface CheckedService {
  name: string;
  /** Undefined if no instance answers. */
  instance?: string;
  /** One sentence per fault; empty if the instance does what it declares. */
  faults: string[];
}

/** Returns an entry for each running instance of these services, and one for each service without an instance. `folders`: by name. */
export async function checkRunning(
  bus: Bus,
  folders: ReadonlyMap<string, string>,
  options: GatherOptions = {},
): Promise<CheckedService[]> {
  const answers = await bus.gather(SELF_SUBJECT, options);
  const running = answers.flatMap((answer) => {
    const parsed = RunningSelf.safeParse(answer);
    return parsed.success ? [parsed.data] : [];
  });
  return [...folders].flatMap(([name, folder]): CheckedService[] => {
    const instances = running.filter((self) => self.name === name);
    if (instances.length === 0) return [{ name, faults: ['no instance answers on the bus; start it.'] }];
    const { manifest, version } = readManifest(folder);
    return instances.map((self) => {
      const faults = differences(manifest, self);
      if (self.version !== version) faults.push(`version: ${self.version} runs, ${version} is installed; restart it.`);
      return { name, instance: self.instance, faults };
    });
  });
}
