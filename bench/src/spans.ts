import { performance } from 'node:perf_hooks';
import { connectBus, publishJson } from '@hero/bus';
import type { Street } from '@hero/conformance';
import { ALL_PLAY_SPANS, type EventBatch, telemetry } from '@hero/contracts';
import { type Figure, single } from './figures.js';

const SPANS = 200_000;

const hex = (n: number): string => n.toString(16).padStart(16, '0');

/** Batches as executors send them: spans that start and end, with tags and an output, of several plays at once. */
function batch(play: string, number: number, spans: number): EventBatch {
  const at = new Date().toISOString();
  const events = Array.from({ length: spans }, (_, i): EventBatch['events'] => {
    const span_id = hex(number * spans + i + 1);
    return [
      {
        type: 'span_started',
        at,
        span_id,
        parent_id: null,
        name: 'unit',
        kind: 'step',
        place: span_id,
        tags: { i, model: 'none' },
        source_file: 'flow.py',
        source_line: 7,
      },
      { type: 'span_ended', at, span_id, status: 'success', duration_ms: 1.5, output: { text: 'x'.repeat(120) } },
    ];
  }).flat();
  return { play_sid: play, attempt: 1, source: 'x1', batch: number, events };
}

/** Twice: the first round also measures how V8 compiles. */
export async function spansIntoPostgres(street: Street): Promise<Figure[]> {
  const first = await storing(street, 'first');
  const next = await storing(street, 'next');
  const note = `${SPANS} spans, each a start and an end, that lie in the stream`;
  return [
    single('spans into PostgreSQL', 'spans/s', next, { target: { least: 60_000 }, note }),
    single('  the first as many', 'spans/s', first),
  ];
}

/**
 * Spans per second from JetStream into PostgreSQL, beside what publishing them costs: span-ingest is stopped meanwhile. From its
 * first message until the last batch is committed and announced; the listener reads no more than the number of the last event.
 */
async function storing(street: Street, round: string): Promise<number> {
  const bus = await connectBus({ url: street.nats.url, name: 'bench' });
  const perBatch = 100;
  const plays = Array.from({ length: 20 }, (_, i) => `bench-${round}-${i}-${Date.now()}`);
  const newest = new Map<string, number>();
  let stored = 0;
  let done: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  const subscription = bus.nc.subscribe(ALL_PLAY_SPANS, {
    callback: (_, { subject, data }) => {
      const sid = subject.split('.')[2] ?? '';
      if (!plays.includes(sid)) return;
      const seq = lastNumber(data);
      const before = newest.get(sid) ?? 0;
      if (seq > before) newest.set(sid, seq);
      stored += Math.max(0, seq - before);
      if (stored >= 2 * SPANS) done();
    },
  });
  await bus.flush();
  const ingest = street.processes.get('span-ingest');
  ingest?.signal('SIGSTOP');
  const batches = SPANS / perBatch;
  let next = 0;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let n = next++; n < batches; n = next++) {
        const play = plays[n % plays.length] as string;
        await publishJson(bus.js, telemetry(play), batch(play, Math.floor(n / plays.length) + 1, perBatch));
      }
    }),
  );
  const began = performance.now();
  ingest?.signal('SIGCONT');
  await finished;
  const seconds = (performance.now() - began) / 1000;
  subscription.unsubscribe();
  await bus.drain();
  return SPANS / seconds;
}

/** The number of the last event of a NumberedBatch. */
function lastNumber(data: Uint8Array): number {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const from = bytes.lastIndexOf('"seq":') + '"seq":'.length;
  return Number.parseInt(bytes.toString('latin1', from, from + 12), 10);
}
