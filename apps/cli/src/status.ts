import type { SystemStatus } from '@hero/contracts';

/** Formats system_status as a table: one line per service, then servers, sandbox and queue. */
export function printStatus(status: SystemStatus, say: (line: string) => void): void {
  const rows = status.services.map((s) => [
    s.healthy ? '✓' : '✗',
    s.name,
    s.instance,
    `pid ${s.pid}`,
    `${s.version} (build ${s.build_nr})`,
    s.slots === undefined ? '' : `${s.busy ?? 0} of ${s.slots} slots busy`,
  ]);
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows)
    say(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  const where = (embedded: boolean, pid?: number): string => (embedded ? `embedded, pid ${pid}` : 'given');
  say(`NATS ${status.nats.version} (${where(status.nats.embedded, status.nats.pid)})  ${status.nats.url}`);
  say(`PostgreSQL ${status.postgres.version ?? '?'} (${where(status.postgres.embedded, status.postgres.pid)})`);
  say(`sandbox ${status.sandbox}`);
  const { queue, search } = status;
  if (search) say(`search by ${search.mode === 'words' ? 'words' : 'words and meaning'}: ${search.reason}`);
  say(
    queue
      ? `plays: ${queue.pending} pending, ${queue.running} running, ${queue.awaiting_resume} waiting`
      : 'plays: the registry does not answer',
  );
}
