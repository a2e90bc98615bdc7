/**
 * R1 No test server outlives its test run: every server works in the run's folder, and a watcher (a shell, outside the run's session)
 *    kills all processes there and removes the folder as soon as the run's process has ended, also by `kill -9`.
 * R2 The watcher starts before the first server. If both are killed, the next run removes the folder.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emptyOfProcesses, isAlive, processesIn, processStart, signal } from '@hero/embedded';

interface Run {
  readonly pid: number;
  readonly start: string;
}

const runsFolder = () => join(tmpdir(), `hero-test-${process.getuid?.() ?? 0}`);

/** Jest's main process, which global-setup.mjs passes to its workers; without jest, this process. */
function runPid(): number {
  return Number(process.env.HERO_TEST_RUN ?? process.pid);
}

// $1 pid of the run, $2 the run's folder. State Z (dead, not yet waited for) counts as gone. PostgreSQL takes QUIT as an immediate
// stop and still frees its shared memory; after KILL a segment would stay until the next boot.
const watcher = `
while [ -d "$2" ] && kill -0 "$1" 2>/dev/null && [ "$(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null)" != Z ]; do sleep 1; done
[ -d "$2" ] || exit 0
for signal in QUIT KILL KILL; do
  for process in /proc/[0-9]*; do
    case "$(readlink "$process/cwd" 2>/dev/null)" in "$2"/*) kill -$signal "\${process#/proc/}" 2>/dev/null ;; esac
  done
  sleep 0.5
done
rm -rf "$2"
`;

/** The folder of this test run, with its watcher; the same for all workers of one jest. */
export async function runFolder(): Promise<string> {
  const pid = runPid();
  const start = await processStart(pid);
  if (start === undefined) throw new Error(`HERO_TEST_RUN names process ${pid}, which is not running; unset it`);
  await mkdir(runsFolder(), { recursive: true, mode: 0o711 });
  const folder = join(runsFolder(), `${pid}-${start.split(':').at(-1)?.trim().replace(/\W+/g, '-')}`);
  // Of several workers, the one that makes the folder starts the watcher; `mkdir` without `recursive` decides.
  const first = await mkdir(folder, { mode: 0o711 }).then(
    () => true,
    () => false,
  );
  if (first) {
    await chmod(folder, 0o711);
    spawn('sh', ['-c', watcher, 'hero-test-watcher', String(pid), folder], {
      detached: true,
      stdio: 'ignore',
      cwd: '/',
    }).unref();
    const run: Run = { pid, start };
    await writeFile(join(folder, 'run.json'), JSON.stringify(run));
    await reapDeadRuns();
  }
  return folder;
}

async function reapDeadRuns(): Promise<void> {
  for (const name of await readdir(runsFolder()).catch(() => [])) {
    const folder = join(runsFolder(), name);
    const run = await readFile(join(folder, 'run.json'), 'utf8').catch(() => undefined);
    if (run === undefined || (await isAlive(JSON.parse(run) as Run))) continue;
    for (const pid of await processesIn(folder)) signal(pid, 'SIGQUIT');
    await emptyOfProcesses(folder, 2000);
    await rm(folder, { recursive: true, force: true });
  }
}
