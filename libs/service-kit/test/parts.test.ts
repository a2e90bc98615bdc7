import { EventEmitter, once } from 'node:events';
import { Combiner, every, paths, uuidv7 } from '@hero/service-kit';
import { hit, parseFailpoints } from '../src/failpoint.js';

describe('uuidv7', () => {
  it('is a UUID of version 7 that carries its time and sorts by its making', () => {
    const before = Date.now();
    const made = Array.from({ length: 20_000 }, uuidv7);
    const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(made.every((id) => shape.test(id))).toBe(true);
    expect([...made].sort()).toEqual(made);
    expect(new Set(made).size).toBe(made.length);
    const time = Number.parseInt((made[0] ?? '').replace('-', '').slice(0, 12), 16);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  });
});

describe('a combiner', () => {
  /** Groups wait until the test lets them go. */
  function gated(options: { maxItems?: number; maxBytes?: number; concurrency?: number } = {}) {
    const groups: number[][] = [];
    const gates = new EventEmitter();
    const combiner = new Combiner<number, string>({
      ...options,
      sizeOf: (n) => n,
      run: async (items) => {
        groups.push(items);
        const index = groups.length;
        gates.emit('group');
        await once(gates, `open ${index}`);
        return items.map((n) => (n === 13 ? new Error('unlucky') : `#${n}`));
      },
    });
    return {
      combiner,
      groups,
      open: (index: number) => gates.emit(`open ${index}`),
      started: () => once(gates, 'group'),
    };
  }

  it('sends what is there at once, then what came meanwhile together, each answered on its own', async () => {
    const { combiner, groups, open, started } = gated();
    const first = combiner.add(1);
    await started();
    const rest = [2, 13, 4].map((n) => combiner.add(n));
    const next = started();
    open(1);
    expect(await first).toBe('#1');
    await next;
    open(2);
    const answers = await Promise.allSettled(rest);
    expect(answers.map((a) => (a.status === 'fulfilled' ? a.value : String(a.reason)))).toEqual([
      '#2',
      'Error: unlucky',
      '#4',
    ]);
    expect(groups).toEqual([[1], [2, 13, 4]]);
    await combiner.idle();
  });

  it('keeps to its limits of items, bytes and groups at once', async () => {
    const { combiner, groups, open, started } = gated({ maxItems: 2, maxBytes: 100, concurrency: 2 });
    const all = [1, 2, 99, 2, 500, 1].map((n) => combiner.add(n));
    await started();
    expect(groups).toEqual([[1, 2], [99]]);
    for (const index of [1, 2, 3, 4]) {
      while (groups.length < index) await started();
      open(index);
    }
    while (groups.length < 5) await started();
    open(5);
    expect(await Promise.all(all)).toEqual(['#1', '#2', '#99', '#2', '#500', '#1']);
    expect(groups).toEqual([[1, 2], [99], [2], [500], [1]]);
  });

  it('fails a whole group whose sending failed, and goes on', async () => {
    let turn = 0;
    const combiner = new Combiner<number, number>({
      run: async (items) => {
        if (++turn === 1) throw new Error('line is cut');
        return items;
      },
    });
    const lost = await Promise.allSettled([combiner.add(1), combiner.add(2)]);
    expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await combiner.add(3)).toBe(3);
  });
});

describe('periodic work', () => {
  it('never runs twice at once, runs again on demand, survives a failure and stops', async () => {
    const events = new EventEmitter();
    let running = 0;
    let runs = 0;
    const failures: object[] = [];
    const keep = (fields: object): void => void failures.push(fields);
    const log = { debug: keep, info: keep, warn: keep, error: keep };
    const timer = every(
      1,
      async () => {
        expect(++running).toBe(1);
        runs++;
        events.emit('run');
        await once(events, 'go');
        running--;
        if (runs === 1) throw new Error('first');
      },
      { log, name: 'test', atOnce: true },
    );
    await once(events, 'run');
    timer.now();
    const second = once(events, 'run');
    events.emit('go');
    await second;
    expect(failures).toMatchObject([{ name: 'test', err: new Error('first') }]);
    const stopped = timer.stop();
    events.emit('go');
    await stopped;
    expect([runs, running]).toEqual([2, 0]);
  });

  it('ends with its signal', async () => {
    const controller = new AbortController();
    let runs = 0;
    const timer = every(1, () => ++runs === 2 && controller.abort(), { signal: controller.signal });
    await once(controller.signal, 'abort');
    await timer.stop();
    expect(runs).toBe(2);
  });
});

describe('failpoints', () => {
  it('delay, fail, and count', async () => {
    const points = parseFailpoints('a.b=delay:20, c=error@2');
    const since = performance.now();
    await hit(points, 'a.b');
    expect(performance.now() - since).toBeGreaterThan(15);
    expect(hit(points, 'c')).toBeUndefined();
    expect(() => hit(points, 'c')).toThrow('failpoint c');
    expect(hit(points, 'c')).toBeUndefined();
    expect(hit(points, 'other')).toBeUndefined();
  });

  it('that are misspelt are refused', () => {
    expect(() => parseFailpoints('a=explode')).toThrow(/"a=explode": write name=kill@3/);
  });
});

it('paths lie below HERO_HOME', () => {
  expect(paths('/h')).toMatchObject({ sockets: '/h/var/sockets/hero_logic', plays: '/h/var/plays' });
});
