/**
 * Reads the declarations of a source in a forked, jailed child: the source is parsed and never run, and what the parser
 * makes of it (a crash, too much memory, no end) stays in that child and becomes an issue.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { LATE, within } from '@hero/bus';
import { HeroError, Inspection, MIB, unreadableSource } from '@hero/contracts';
import type { Surroundings } from './attempt.js';
import { LineSplitter } from './line-splitter.js';
import { INSPECT_LIMITS } from './play-limits.js';

const WITHIN_MS = 8_000;
const AT_ONCE = 4;
const ANSWER_LIMIT = 32 * MIB;

export class Inspections {
  private running = 0;
  private count = 0;
  private readonly queue: (() => void)[] = [];

  constructor(private readonly around: Pick<Surroundings, 'environments' | 'lanes' | 'workdirs' | 'log'>) {}

  async inspect(source: string): Promise<Inspection> {
    if (this.running < AT_ONCE) this.running++;
    else await new Promise<void>((resolve) => this.queue.push(resolve));
    try {
      return await this.run(source);
    } finally {
      // Whoever waits takes over what this one had: a newcomer cannot slip in between.
      const next = this.queue.shift();
      if (next) next();
      else this.running--;
    }
  }

  private async run(source: string): Promise<Inspection> {
    const { environments, lanes, workdirs, log } = this.around;
    const { forks } = environments.base;
    const token = randomBytes(24).toString('hex');
    const workdir = workdirs.make('inspection', ++this.count, forks.owner);
    const sockets: Socket[] = [];
    let forget = (): void => undefined;
    try {
      const answer = new Promise<Buffer | undefined>((resolve) => {
        forget = lanes.expect(token, (lane, socket, first) => {
          sockets.push(socket);
          if (lane !== 'control') return void socket.resume();
          readLine(socket, first, resolve);
          socket.write(`${JSON.stringify({ source })}\n`);
        });
      });
      const order = { sid: 'inspection', kind: 'inspect' as const, token, workdir, limits: INSPECT_LIMITS };
      const started = await forks.fork(order, AbortSignal.timeout(WITHIN_MS)).catch(() => undefined);
      if (!started) throw cutShort();
      const late = setTimeout(() => started.kill(), WITHIN_MS);
      const ending = await started.ended;
      clearTimeout(late);
      if (ending.t === 'lost' || ending.t === 'not_started') throw cutShort();
      // The process tree has ended: its output has arrived or will, and the end of the connection follows it.
      const heard = await within(answer, 1_000);
      const line = heard === LATE ? undefined : heard;
      const read = line && Inspection.safeParse(JSON.parse(line.toString()));
      if (read?.success) return read.data;
      log.warn({ ending, issues: read?.error?.issues.slice(0, 3) }, 'a source could not be inspected');
      // Killed with everything else because the lease ran out, or ended well and not heard: the source is not to blame.
      const cut = ending.why === 'deadline' || ending.why === 'channel' || (ending.code === 0 && !line);
      if (cut) throw cutShort();
      return failed(ending.why === 'killed' ? `within ${WITHIN_MS / 1000} s` : 'by this Python');
    } finally {
      forget();
      for (const socket of sockets) socket.destroy();
      await workdirs.remove(workdir);
    }
  }
}

const cutShort = (): HeroError =>
  new HeroError('UNAVAILABLE', 'The source could not be read just now; try again in a moment.');

function readLine(socket: Socket, first: Buffer, then: (line: Buffer | undefined) => void): void {
  const splitter = new LineSplitter(ANSWER_LIMIT);
  const read = (chunk: Buffer): void => {
    try {
      const [line] = splitter.push(chunk);
      if (line) then(line);
    } catch {
      socket.destroy();
    }
  };
  socket.on('data', read);
  socket.on('close', () => then(undefined));
  read(first);
  socket.resume();
}

function failed(how: string): Inspection {
  const message = `The source could not be parsed ${how}: it is nested too deep or too large. Make it simpler.`;
  return unreadableSource([{ line: 1, column: 0, message, severity: 'error' }]);
}
