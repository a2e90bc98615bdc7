import { performance } from 'node:perf_hooks';
import { connectBus, publishJson } from '@hero/bus';
import type { Street } from '@hero/conformance';
import { ALL_PLAY_SPANS, type EventBatch, type NumberedBatch, telemetry } from '@hero/contracts';
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

/** Twice: the threads that share the work are started during the first. */
export async function spansIntoPostgres(street: Street): Promise<Figure[]> {
  const first = await storing(street, 'first');
  const next = await storing(street, 'next');
  const note = `${SPANS} spans, each a start and an end`;
  return [
    single('spans into PostgreSQL', 'spans/s', next, { target: { least: 60_000 }, note }),
    single('  the first as many', 'spans/s', first),
  ];
}

/** Spans per second from JetStream into PostgreSQL: from the first publish until the last batch is committed and announced. */
async function storing(street: Street, round: string): Promise<number> {
  const bus = await connectBus({ url: street.nats.url, name: 'bench' });
  const perBatch = 100;
  const plays = Array.from({ length: 20 }, (_, i) => `bench-${round}-${i}`);
  let stored = 0;
  let done: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  const watch = await bus.follow(ALL_PLAY_SPANS, (data) => {
    const { play_sid, events } = data as NumberedBatch;
    if (!play_sid.startsWith(`bench-${round}-`)) return;
    stored += events.filter((event) => event.type === 'span_ended').length;
    if (stored >= SPANS) done();
  });
  const began = performance.now();
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
  await finished;
  const seconds = (performance.now() - began) / 1000;
  await watch.stop();
  await bus.drain();
  return SPANS / seconds;
}
