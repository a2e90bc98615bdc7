import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { change, playSpans } from '@hero/contracts';
import { until } from '@hero/testing';
import { StreamReader, upTo } from './stream-reader.js';
import { openTestGateway, rpc, send, type TestGateway } from './test-gateway.js';

let gateway: TestGateway;
let count = 0;
beforeAll(async () => {
  gateway = await openTestGateway({ heartbeatMs: 200 });
});
afterAll(async () => await gateway?.[Symbol.asyncDispose]());

const newPlay = (): string => {
  const sid = `live${++count}`;
  gateway.services.play(sid);
  return sid;
};
const follow = (sid: string, lastEventId?: number): StreamReader =>
  new StreamReader(gateway.rpcSocket, `/api/plays/${sid}/spans`, lastEventId);
const append = (sid: string, events = 1, options?: { lost: boolean }) =>
  gateway.services.append(gateway.ingest, sid, gateway.services.logs(events), options);
function finish(sid: string): void {
  gateway.services.setStatus(sid, 'success');
  gateway.services.append(gateway.ingest, sid, [{ type: 'status', status: 'success' }]);
}

describe('the stream of a play', () => {
  test('is a snapshot, each event under its number, and the end with the play; then it closes', async () => {
    const sid = newPlay();
    append(sid, 3);
    await using reader = follow(sid);
    await reader.until((r) => r.messages.length > 0);
    append(sid, 2);
    finish(sid);
    await reader.untilEnd();
    expect(reader.kinds).toEqual(['snapshot', 'event', 'event', 'event', 'end']);
    expect(reader.messages[0]).toMatchObject({ id: 3, data: { play: { sid }, spans: [], seq: 3 } });
    expect(reader.events).toEqual([4, 5, 6]);
    expect(reader.messages.at(-1)?.data.play?.status).toBe('success');
    await until(async () => gateway.live.counts.feeds === 0, { what: 'the end of following' });
  });

  test('of a final play has its snapshot and its end, once its last events are stored', async () => {
    const sid = newPlay();
    append(sid, 2, { lost: true });
    finish(sid);
    gateway.services.marks.set(sid, { source: 'x1', batch: 1 });
    gateway.services.asked.length = 0;
    await using reader = follow(sid);
    await reader.untilEnd();
    expect(reader.kinds).toEqual(['snapshot', 'end']);
    expect(gateway.services.asked.indexOf('spans_reached')).toBeLessThan(gateway.services.asked.indexOf('span_page'));
    await using again = follow(sid, 1);
    await again.untilEnd();
    expect(again.kinds).toEqual(['event', 'event', 'end']);
    expect(again.events).toEqual([2, 3]);
  });

  test('of a play without events begins at 0; an unknown play is 404', async () => {
    const sid = newPlay();
    await using reader = follow(sid);
    await reader.until((r) => r.messages.length > 0);
    expect(reader.messages[0]?.data.seq).toBe(0);
    append(sid);
    await reader.until((r) => r.events.length === 1);
    const missing = await send({ socketPath: gateway.rpcSocket }, { method: 'GET', path: '/api/plays/nobody/spans' });
    expect([missing.status, missing.json<{ error: { code: string } }>().error.code]).toEqual([404, 'NOT_FOUND']);
  });

  test('continues after Last-Event-ID without a gap or a double, while events keep arriving', async () => {
    const sid = newPlay();
    const total = 6_000;
    let running = true;
    await using steady = follow(sid);
    await steady.until((r) => r.messages.length > 0);
    const load = (async () => {
      for (let sent = 0; sent < total; sent += 10) {
        // Some announcements are lost, repeated or out of order.
        const fresh = append(sid, 10, { lost: sent % 700 === 0 });
        if (sent % 130 === 0) gateway.ingest.announce(playSpans(sid), { play_sid: sid, events: fresh });
        await setImmediate();
      }
      finish(sid);
      running = false;
    })();
    const seen: number[] = [];
    let last: number | undefined;
    let cuts = 0;
    for (let over = false; !over; ) {
      await using reader = follow(sid, last);
      const enough = 100 + cuts * 70;
      await reader.until((r) => r.kinds.includes('end') || (running && r.events.length > enough)).catch(() => reader);
      if (last === undefined) seen.push(...upTo(reader.messages[0]?.data.seq ?? 0));
      else expect(reader.kinds).not.toContain('snapshot');
      over = reader.kinds.includes('end');
      seen.push(...reader.events);
      last = reader.last ?? last;
      if (!over) cuts++;
    }
    await load;
    expect(cuts).toBeGreaterThan(2);
    expect(seen).toEqual(upTo(total + 1));
    await steady.untilEnd();
    expect(steady.events).toEqual(upTo(total + 1));
    expect(steady.kinds.filter((kind) => kind !== 'event')).toEqual(['snapshot', 'end']);
  });

  test('starts with a snapshot if Last-Event-ID is from another history', async () => {
    const sid = newPlay();
    append(sid, 5);
    await using reader = follow(sid, 4_000);
    await reader.until((r) => r.messages.length > 0);
    expect(reader.kinds[0]).toBe('snapshot');
    append(sid);
    await reader.until((r) => r.events.length === 1);
    expect(reader.events).toEqual([6]);
  });

  test('fills a hole from the store before it sends later events', async () => {
    const sid = newPlay();
    append(sid);
    await using reader = follow(sid);
    await reader.until((r) => r.messages.length > 0);
    append(sid, 3, { lost: true });
    append(sid, 2);
    await reader.until((r) => r.events.length === 5);
    expect(reader.events).toEqual(upTo(6, 2));
  });

  test('finds events and the end whose announcements were lost', async () => {
    const sid = newPlay();
    await using reader = follow(sid);
    await reader.until((r) => r.messages.length > 0);
    append(sid, 2, { lost: true });
    await reader.until((r) => r.events.length === 2);
    gateway.services.setStatus(sid, 'failed');
    gateway.services.append(gateway.ingest, sid, [{ type: 'status', status: 'failed' }], { lost: true });
    await reader.untilEnd();
    expect(reader.kinds).toEqual(['snapshot', 'event', 'event', 'event', 'end']);
  });

  test('continues after a restart of NATS', async () => {
    const sid = newPlay();
    await using reader = follow(sid);
    await reader.until((r) => r.messages.length > 0);
    await gateway.restartNats();
    append(sid, 3, { lost: true });
    await reader.until((r) => r.events.length === 3);
    await gateway.ingest.flush();
    append(sid, 2);
    await reader.until((r) => r.events.length === 5);
    expect(reader.events).toEqual(upTo(5));
  });

  test('uses one subscription for all viewers', async () => {
    const sid = newPlay();
    const readers = Array.from({ length: 20 }, () => follow(sid));
    try {
      await Promise.all(readers.map((reader) => reader.until((r) => r.messages.length > 0)));
      expect(gateway.live.counts.feeds).toBe(1);
      const before = gateway.bus.nc.stats().inMsgs;
      for (let times = 0; times < 30; times++) append(sid);
      await Promise.all(readers.map((reader) => reader.until((r) => r.events.length === 30)));
      // Thirty messages plus the requests of the readers at their start; with twenty subscriptions there would be six hundred.
      expect(gateway.bus.nc.stats().inMsgs - before).toBeLessThan(120);
    } finally {
      for (const reader of readers) reader.leave();
    }
    await until(async () => gateway.live.counts.feeds === 0, { what: 'the end of following' });
  });

  test('sends a fresh snapshot to a reader that is too slow, so that its buffer does not grow', async () => {
    const sid = newPlay();
    await using slow = follow(sid);
    await using quick = follow(sid);
    await until(async () => gateway.live.counts.upToDate === 2, { what: 'two viewers that are up to date' });
    slow.pause();
    const chunks = 200;
    for (let chunk = 1; chunk <= chunks; chunk++) {
      gateway.services.append(gateway.ingest, sid, gateway.services.logs(2, 'x'.repeat(30_000)));
      await quick.until((r) => r.events.length === chunk * 2);
    }
    slow.goOn();
    await slow.until((r) => r.kinds.includes('resync'));
    append(sid);
    await slow.until((r) => r.last === chunks * 2 + 1);
    const at = slow.kinds.indexOf('resync');
    const resync = slow.messages[at]?.data.seq ?? 0;
    expect(slow.events.length).toBeLessThan(chunks * 2);
    const before = slow.messages.slice(1, at).map(({ id }) => id ?? 0);
    expect(before).toEqual(upTo(before.length));
    expect(slow.messages.slice(at + 1).map(({ id }) => id)).toEqual(upTo(chunks * 2 + 1, resync + 1));
    expect(quick.events).toEqual(upTo(chunks * 2 + 1));
  });

  test('sends heartbeats while nothing happens', async () => {
    await using reader = follow(newPlay());
    await reader.until((r) => r.comments >= 2);
    expect(reader.kinds).toEqual(['snapshot']);
  });

  test('of a play that is retried at its end continues with the next attempt', async () => {
    const sid = newPlay();
    await using reader = follow(sid);
    await reader.until((r) => r.messages.length > 0);
    gateway.services.append(gateway.ingest, sid, [
      { type: 'status', status: 'failed' },
      { type: 'status', status: 'pending' },
    ]);
    append(sid);
    finish(sid);
    await reader.untilEnd();
    expect(reader.events).toEqual([1, 2, 3, 4]);
  });
});

describe('many viewers that do not read', () => {
  const MIB = 1024 * 1024;
  /** Sends its request and never reads. */
  const stubborn = (sid: string): Socket => {
    const socket = connect(gateway.rpcSocket);
    socket.pause();
    socket.write(`GET /api/plays/${sid}/spans HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return socket;
  };

  test.each([16, 64])(
    '%i of a play of 36 MiB share their page',
    async (viewers) => {
      const sid = newPlay();
      gateway.services.grow(sid, 360, 100 * 1024);
      const before = gateway.services.asked.length;
      const sockets = Array.from({ length: viewers }, () => stubborn(sid));
      try {
        await using reader = follow(sid);
        await reader.until((r) => r.kinds.includes('snapshot'));
        await until(async () => gateway.live.counts.streams === viewers + 1, { within: 25_000, what: 'all streams' });
        // The viewer that reads gets all of it: spans in pages, then events.
        expect(reader.messages.flatMap(({ data }) => data.spans ?? [])).toHaveLength(360);
        for (let chunk = 1; chunk <= 100; chunk++) {
          gateway.services.append(gateway.ingest, sid, gateway.services.logs(2, 'x'.repeat(50_000)));
          await reader.until((r) => r.events.length === chunk * 2);
        }
        expect(reader.events).toEqual(upTo(200));
        // Half a MiB for each viewer that does not read, and 18 MiB of cache and tail for all together.
        expect(gateway.live.counts.bufferedBytes).toBeLessThan((viewers * 0.75 + 18) * MIB);
        const pages = gateway.services.asked.slice(before).filter((method) => method === 'span_page').length;
        expect(pages).toBeLessThan(150);
      } finally {
        for (const socket of sockets) socket.destroy();
      }
      await until(async () => gateway.live.counts.streams === 0, { within: 25_000, what: 'the end of all streams' });
    },
    60_000,
  );

  test('a viewer whose connection is lost within a large snapshot starts again, and misses nothing', async () => {
    const sid = newPlay();
    gateway.services.grow(sid, 30, 100 * 1024);
    await using cut = follow(sid);
    await cut.until((r) => r.kinds.includes('page'));
    expect(cut.last).toBeUndefined();
    cut.leave();
    await using reader = follow(sid, cut.last);
    await reader.until((r) => r.kinds.includes('snapshot'));
    expect(reader.messages.flatMap(({ data }) => data.spans ?? [])).toHaveLength(30);
  });
});

describe('a client that leaves early', () => {
  test('is removed from all lists of the gateway', async () => {
    for (const path of ['/api/events', `/api/plays/${newPlay()}/spans`]) {
      const early = Array.from({ length: 20 }, () => connect(gateway.rpcSocket));
      await Promise.all(
        early.map(async (socket) => {
          socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
          socket.destroy();
          await once(socket, 'close');
        }),
      );
      // A later viewer is served after those.
      await using reader = new StreamReader(gateway.rpcSocket, path);
      await reader.until((r) => r.comments + r.messages.length > 0);
      await until(async () => gateway.live.counts.streams === 1, { within: 25_000, what: 'one stream' });
      expect(gateway.live.counts.listeners).toBe(path === '/api/events' ? 1 : 0);
      reader.leave();
      const left = (): number => {
        const { feeds, streams, listeners } = gateway.live.counts;
        return feeds + streams + listeners;
      };
      await until(async () => left() === 0, { within: 25_000, what: 'nothing left' });
    }
  });
});

describe('an identifier that no play has', () => {
  test.each(['x'.repeat(5_000), '*', 'a.b', '>', 'a%20b', '%00', '%F0%9F%98%80'])(
    '%.20s is refused before it reaches the bus',
    async (sid) => {
      const before = gateway.bus.nc.stats().outMsgs;
      const answer = await send({ socketPath: gateway.rpcSocket }, { method: 'GET', path: `/api/plays/${sid}/spans` });
      expect([answer.status, answer.json<{ error: { code: string } }>().error.code]).toEqual([400, 'INVALID_PARAMS']);
      const called = await rpc(gateway, 'play_status', { play_sid: decodeURIComponent(sid) });
      expect(called.error?.data?.code).toBe('INVALID_PARAMS');
      expect(gateway.bus.nc.stats().outMsgs).toBe(before);
    },
  );
});

describe('the stream of changes', () => {
  test('sends every change of plays and workflows to all readers, and `resync` after an outage', async () => {
    await using reader = new StreamReader(gateway.rpcSocket, '/api/events');
    await reader.until((r) => r.comments > 0);
    gateway.ingest.announce(change('workflow', 'w7'), { workflow_sid: 'w7', revision: 3, deleted: false });
    gateway.ingest.announce(change('play', 'p7'), { status: 'running' });
    await reader.until((r) => r.messages.length === 2);
    expect(reader.messages).toEqual([
      { event: 'workflow', data: { sid: 'w7', workflow_sid: 'w7', revision: 3, deleted: false } },
      { event: 'play', data: { sid: 'p7', status: 'running' } },
    ]);
    await gateway.restartNats();
    await reader.until((r) => r.kinds.includes('resync'));
  });
});
