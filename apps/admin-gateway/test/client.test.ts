import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Follow, generatedFiles, HeroClient, HeroError, httpTransport, unixTransport } from '@hero/openrpc';
import { openTestGateway, type TestGateway } from './test-gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await openTestGateway({ heartbeatMs: 200 });
});
afterAll(async () => await gateway?.[Symbol.asyncDispose]());

const MIB = 1024 * 1024;
const transports = {
  'the unix socket': () => unixTransport(gateway.rpcSocket),
  HTTP: () => httpTransport({ url: gateway.httpUrl, token: gateway.token }),
};
const finish = (sid: string): void => {
  gateway.services.setStatus(sid, 'success');
  gateway.services.append(gateway.ingest, sid, [{ type: 'status', status: 'success' }]);
};

describe.each(Object.entries(transports))('the TypeScript client over %s', (_, transport) => {
  let hero: HeroClient;
  beforeAll(() => {
    hero = new HeroClient(transport());
  });
  afterAll(() => hero.close());

  test('calls methods by their names, with their shapes', async () => {
    const play = await hero.play_start({ workflow_name: 'welcome', input_data: { topic: 'é' } });
    expect([play.status, play.input_data]).toEqual(['pending', { topic: 'é' }]);
    const status = await hero.play_status({ play_sid: play.sid, include: ['logs'] });
    expect(status.logs?.[0]?.text).toBe('hello');
  });

  test('throws HeroError with code, retry, issues and details', async () => {
    const wrong = await hero.play_wait({ play_sid: '', until: 'never' as 'final' }).catch((error: unknown) => error);
    expect(wrong).toBeInstanceOf(HeroError);
    expect(wrong).toMatchObject({
      code: 'INVALID_PARAMS',
      retry: false,
      issues: [{ path: 'play_sid' }, { path: 'until' }],
    });
    await expect(hero.play_resume({ play_sid: 'p', name: 'again', payload: 1 })).rejects.toMatchObject({
      code: 'ALREADY_RESUMED',
      details: { resumed_at: expect.any(String) },
    });
    await expect(hero.call('no_such')).rejects.toMatchObject({ code: 'METHOD_NOT_FOUND' });
  });

  test('sends batches of any length; results and errors are in the order of the calls', async () => {
    gateway.services.play('batched');
    const calls = Array.from(
      { length: 120 },
      (_, n) => ['play_status', { play_sid: n === 70 ? 'nobody' : 'batched' }] as const,
    );
    const results = await hero.batch(calls);
    expect(results).toHaveLength(120);
    expect(results.map((result, n) => (result instanceof HeroError ? n : -1)).filter((n) => n >= 0)).toEqual([70]);
  });

  test('carries 16 MiB', async () => {
    const python_source = '#'.repeat(16 * MIB);
    expect((await hero.workflow_create({ name: 'big', python_source })).description).toBe(`${16 * MIB} characters`);
  });

  test('waits until the play is final', async () => {
    const { sid } = gateway.services.play(named('wait'));
    const waiting = hero.play_wait({ play_sid: sid });
    finish(sid);
    expect((await waiting).status).toBe('success');
    const { sid: other } = gateway.services.play(named('wait'));
    expect((await hero.play_wait({ play_sid: other, timeout_ms: 50 })).status).toBe('running');
  });

  test('ends pending calls when it is closed, and refuses later ones', async () => {
    const closing = new HeroClient(transport());
    const { sid } = gateway.services.play(named('closed'));
    const followed = (async () => {
      for await (const _message of closing.follow(sid)) closing.close();
      return 'over';
    })();
    const waiting = closing.play_wait({ play_sid: sid });
    await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE', retry: false });
    expect(await followed).toBe('over');
    await expect(closing.play_status({ play_sid: sid })).rejects.toThrow('was closed');
    await expect(closing.follow(sid).next()).rejects.toThrow('was closed');
  });

  test('aborts a call at its time limit and by its signal', async () => {
    const { sid } = gateway.services.play(named('late'));
    await expect(hero.call('play_wait', { play_sid: sid }, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      retry: true,
    });
    const stop = new AbortController();
    const waiting = hero.play_wait({ play_sid: sid }, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  test('follows a play to its end, over lost connections', async () => {
    const { sid } = gateway.services.play(named('follow'));
    const seen: Follow[] = [];
    for await (const message of hero.follow(sid)) {
      seen.push(message);
      if (seen.length === 1) gateway.services.append(gateway.ingest, sid, gateway.services.logs(2));
      if (seen.length === 3) {
        // The gateway closes the connection; the client reconnects by itself.
        gateway.live.disconnect();
        gateway.services.append(gateway.ingest, sid, gateway.services.logs(3));
        finish(sid);
      }
    }
    expect(seen.map((m) => (m.kind === 'event' ? m.event.seq : m.kind))).toEqual(['snapshot', 1, 2, 3, 4, 5, 6, 'end']);
    const refused = (async () => {
      for await (const message of hero.follow('nobody')) throw new Error(message.kind);
    })();
    await expect(refused).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('receives changes until it stops listening', async () => {
    const stop = new AbortController();
    const heard: unknown[] = [];
    const listening = (async () => {
      for await (const change of hero.changes({ signal: stop.signal })) {
        heard.push(change);
        stop.abort();
      }
    })();
    while (heard.length === 0) {
      gateway.ingest.announce('hero.events.play.p9', { status: 'running' });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await listening;
    expect(heard[0]).toEqual({ kind: 'play', sid: 'p9', status: 'running' });
  });
});

let plays = 0;
const named = (word: string): string => `${word}-${++plays}`;

describe('the TypeScript client', () => {
  test('says that a gateway is away, or that the token is wrong', async () => {
    await expect(new HeroClient(unixTransport(join(gateway.home, 'none.sock'))).play_list()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retry: true,
    });
    const stranger = new HeroClient(httpTransport({ url: gateway.httpUrl, token: 'x' }));
    await expect(stranger.play_list()).rejects.toMatchObject({ code: 'UNAUTHORIZED', retry: false });
  });
});

const python = async (code: string, ...args: string[]): Promise<unknown> => {
  const client = generatedFiles().find(({ path }) => path.endsWith('.py'))?.path ?? '';
  const head = `
import importlib.util, json, sys
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("hero_logic_client", sys.argv[1])
h = importlib.util.module_from_spec(spec); spec.loader.exec_module(h)
hero = h.HeroClient(sys.argv[2], token=sys.argv[3] or None)
def fails(call):
    try:
        call()
    except h.HeroError as error:
        return error
    raise AssertionError("it did not fail")
`;
  const { stdout } = await promisify(execFile)('python3', ['-W', 'error', '-c', head + code, client, ...args], {
    maxBuffer: 1e8,
  });
  return JSON.parse(stdout);
};

describe.each(['the unix socket', 'HTTP'])('the Python client over %s', (kind) => {
  const to = (): [string, string] => (kind === 'HTTP' ? [gateway.httpUrl, gateway.token] : [gateway.rpcSocket, '']);

  test('calls methods, raises HeroError, sends batches, carries 16 MiB, and keeps its connection', async () => {
    gateway.services.play('batched');
    const code = `
play = hero.play_start(workflow_name="welcome", input_data={"topic": "é", "odd": "\\ud800"})
wrong = fails(lambda: hero.play_start(workflow_sid="", workflow_name="x", name="", timeout_ms=-1))
again = fails(lambda: hero.play_resume("p", None, name="again"))
batch = hero.batch([("play_status", {"play_sid": "nobody" if n == 70 else "batched"}) for n in range(120)])
big = hero.workflow_create("big", "#" * 16 * 1024 * 1024)
idle = len(hero._transport._idle)
huge = fails(lambda: hero.workflow_create("big", "#" * 40 * 1024 * 1024))
hero.close()
print(json.dumps([play["status"], play["input_data"]["topic"], wrong.code, sorted({i["path"] for i in wrong.issues}), wrong.retry,
  again.code, list(again.details), [n for n, r in enumerate(batch) if isinstance(r, h.HeroError)], len(batch), big["description"], huge.code, idle]))
`;
    expect(await python(code, ...to())).toEqual([
      'pending',
      'é',
      'INVALID_PARAMS',
      ['name', 'timeout_ms', 'workflow_sid'],
      false,
      'ALREADY_RESUMED',
      ['resumed_at'],
      [70],
      120,
      `${16 * MIB} characters`,
      'PAYLOAD_TOO_LARGE',
      1,
    ]);
  });

  test('ends calls that wait in other threads when it is closed', async () => {
    const sid = `py-close-${kind.length}`;
    gateway.services.play(sid);
    const code = `
import threading
ended, following = [], threading.Event()
def waits():
    ended.append(fails(lambda: hero.play_wait(sys.argv[4])))
def follows():
    def read():
        for message in hero.follow(sys.argv[4]):
            following.set()
    ended.append(fails(read))
threads = [threading.Thread(target=work) for work in (waits, follows)]
[thread.start() for thread in threads]
following.wait()
hero.close()
[thread.join() for thread in threads]
ended.append(fails(lambda: hero.play_list()))
print(json.dumps([[error.code, error.retry, "closed" in str(error)] for error in ended]))
`;
    expect(await python(code, ...to(), sid)).toEqual(Array(3).fill(['UNAVAILABLE', false, true]));
  });

  test('waits for the end, honours its time limit, and follows over a lost connection', async () => {
    const sid = `py-${kind.length}`;
    gateway.services.play(sid);
    const code = `
sid = sys.argv[4]
late = fails(lambda: hero.call("play_wait", {"play_sid": sid}, timeout=0.05))
still = hero.play_wait(sid, timeout_ms=50)["status"]
seen = []
for message in hero.follow(sid):
    seen.append(message["event"]["seq"] if message["kind"] == "event" else message["kind"])
    if len(seen) == 1:
        hero.play_run_async(workflow_name="go:" + sid)
    if len(seen) == 3:
        hero.play_run_async(workflow_name="cut:" + sid)
final = hero.play_wait(sid)["status"]
missing = fails(lambda: list(hero.follow("nobody"))).code
hero.close()
print(json.dumps([late.code, late.retry, still, seen, final, missing]))
`;
    gateway.services.onRun = (word) => {
      gateway.services.append(gateway.ingest, sid, gateway.services.logs(2));
      if (!word.startsWith('cut:')) return;
      gateway.live.disconnect();
      finish(sid);
    };
    expect(await python(code, ...to(), sid)).toEqual([
      'TIMEOUT',
      true,
      'running',
      ['snapshot', 1, 2, 3, 4, 5, 'end'],
      'success',
      'NOT_FOUND',
    ]);
  });

  test('says that a gateway is away, or that the token is wrong', async () => {
    const code = `
away = fails(lambda: h.HeroClient("/nowhere/rpc.sock").play_list())
url = sys.argv[4]
print(json.dumps([away.code, away.retry, fails(lambda: h.HeroClient(url, token="x").play_list()).code]))
`;
    expect(await python(code, ...to(), gateway.httpUrl)).toEqual(['UNAVAILABLE', true, 'UNAUTHORIZED']);
  });
});
