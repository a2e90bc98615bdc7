/** PostgreSQL and nats-server of one `up`: embedded ones that are kept running, or those that NATS_URL and DATABASE_URL name. */
import { type EmbeddedServer, type KeptServer, keepRunning, startNats, startPostgres } from '@hero/embedded';
import type { UpEnvironment } from './environment.js';
import type { RunState } from './run-state.js';

export class Servers {
  /** Kept when both answer, broken when one of them cannot start; both have then ended to start. */
  readonly up: Promise<void>;
  private nats?: KeptServer;
  private postgres?: KeptServer;

  constructor(
    home: string,
    private readonly env: UpEnvironment,
    say: (line: string) => void,
    onRestart: () => void,
  ) {
    const kept = (start: () => Promise<EmbeddedServer>): Promise<KeptServer> =>
      keepRunning(start, { onRestart, log: say });
    this.up = this.take(
      env.NATS_URL ? undefined : kept(() => startNats({ home, log: say })),
      env.DATABASE_URL ? undefined : kept(() => startPostgres({ home, log: say })),
    );
    this.up.catch(() => undefined); // who waits for it is told
  }

  get natsUrl(): string {
    return this.env.NATS_URL ?? this.nats?.url ?? '';
  }

  get databaseUrl(): string {
    return this.env.DATABASE_URL ?? this.postgres?.url ?? '';
  }

  /** For `down`, also after we were killed while they started: embedded is what is meant to be, the pid is there when it is. */
  state(): Pick<RunState, 'nats' | 'postgres'> {
    const embedded = (given: string | undefined, server: KeptServer | undefined) => ({
      embedded: given === undefined,
      ...(server && { pid: server.current.pid }),
    });
    return {
      nats: { url: this.natsUrl, ...embedded(this.env.NATS_URL, this.nats) },
      postgres: embedded(this.env.DATABASE_URL, this.postgres),
    };
  }

  async stop(): Promise<void> {
    await this.up.catch(() => undefined);
    await Promise.all([this.nats?.stop(), this.postgres?.stop()]);
  }

  private async take(nats?: Promise<KeptServer>, postgres?: Promise<KeptServer>): Promise<void> {
    const [one, other] = await Promise.allSettled([nats, postgres]);
    if (one.status === 'fulfilled') this.nats = one.value;
    if (other.status === 'fulfilled') this.postgres = other.value;
    for (const started of [one, other]) if (started.status === 'rejected') throw started.reason;
  }
}
