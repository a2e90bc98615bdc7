import { type Answer, openTestGateway, type Reply, type TestGateway, rpc, send } from './test-gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await openTestGateway();
});
afterAll(async () => await gateway?.[Symbol.asyncDispose]());

const post = (body: string | Buffer, headers?: Record<string, string>): Promise<Answer> =>
  send({ socketPath: gateway.rpcSocket }, { body, headers });
const errorOf = async (body: string | Buffer): Promise<[unknown, number | undefined]> => {
  const { id, error } = (await post(body)).json();
  return [id, error?.code];
};
const call = (extra: object): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'play_list', params: {}, ...extra });

describe('a value that the gateway only forwards', () => {
  const start = (input: string, id = 1): string =>
    `{"jsonrpc":"2.0","id":${id},"params":{"input_data": ${input} ,"workflow_name":"welcome"},"method":"play_start"}`;
  const TEXT = '{"b": 1.0, "10": {"2": [], "1": "}"}, "9": 1e2}';

  test('arrives as the text that was sent, alone and in a batch', async () => {
    const { inputs } = gateway.services;
    inputs.length = 0;
    const { body: text } = await post(start(TEXT));
    expect(text).toContain(`"input_data":${TEXT}`);
    const replies = (await post(`[${start(TEXT, 2)}, ${start('{}', 3)}]`)).json<Reply[]>();
    expect(replies.map(({ id }) => id)).toEqual([2, 3]);
    expect(inputs.map((text) => text.trim()).sort()).toEqual([TEXT, TEXT, '{}'].sort());
  });

  test('is refused where it is not JSON, no object, or has a refused key', async () => {
    expect(await errorOf(start('{"a": tru}'))).toEqual([null, -32700]);
    expect(await errorOf(start('{]'))).toEqual([null, -32700]);
    expect(await errorOf(start('[1]'))).toEqual([1, -32602]);
    const { error } = (await post(start('{"a": {"__proto__": 1}}'))).json<Reply>();
    expect(error?.data?.issues).toMatchObject([{ path: 'input_data.a.__proto__' }]);
  });
});

describe('a malformed body', () => {
  test.each([
    ['is not JSON', '{"jsonrpc": "2.0", "method"', null, -32700],
    ['is empty', '', null, -32700],
    ['is words', 'hello', null, -32700],
    ['has something behind its end', `${call({})} x`, null, -32700],
    [
      'is not UTF-8',
      Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":7,"method":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
      null,
      -32700,
    ],
    ['is a number', '1', null, -32600],
    ['is null', 'null', null, -32600],
    ['is an empty batch', '[]', null, -32600],
    ['has no version', '{"id": 7, "method": "play_list"}', 7, -32600],
    ['has another version', call({ jsonrpc: '1.0' }), 7, -32600],
    ['has no method', '{"jsonrpc": "2.0", "id": 7}', 7, -32600],
    ['has a method that is not a string', call({ method: 5 }), 7, -32600],
    ['has parameters that are a string', call({ params: 'x' }), 7, -32600],
    ['has null parameters', call({ params: null }), 7, -32600],
    ['has an object as id', call({ id: {} }), null, -32600],
    ['has a true id', call({ id: true }), null, -32600],
    ['has an unknown member', call({ token: 'x' }), 7, -32600],
    ['names an unknown method', call({ method: 'no_such' }), 7, -32601],
    ['names a method of objects', call({ method: 'constructor' }), 7, -32601],
    ['names an inner method', call({ method: 'step_commit' }), 7, -32601],
    ['has parameters by position', call({ params: [1] }), 7, -32602],
    [
      'has a key __proto__ in its parameters',
      '{"jsonrpc":"2.0","id":7,"method":"play_list","params":{"input":{"__proto__":{}}}}',
      7,
      -32602,
    ],
    [
      'has that key in escaped form',
      '{"jsonrpc":"2.0","id":7,"method":"play_list","params":{"input":{"\\u005f_proto__":{}}}}',
      7,
      -32602,
    ],
    ['has a key constructor', call({ params: { input: { a: [{ constructor: 1 }] } } }), 7, -32602],
    ['has __proto__ beside its method', '{"jsonrpc":"2.0","id":7,"method":"play_list","__proto__":{}}', 7, -32600],
  ])('that %s is refused with its code', async (_, body, id, code) => {
    expect(await errorOf(body)).toEqual([id, code]);
  });

  test.each([
    ['PARSE_ERROR', 'hello'],
    ['INVALID_REQUEST', '[]'],
    ['METHOD_NOT_FOUND', call({ method: 'no_such' })],
  ])('has %s in data.code, as every other error has its code', async (code, body) => {
    expect((await post(body)).json().error?.data).toEqual({ code, retry: false });
  });

  test('nested deeper than 64 levels is refused before it is parsed, alone and in a batch', async () => {
    const deep = (levels: number): string =>
      `{"jsonrpc":"2.0","id":7,"method":"play_list","params":{"input":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}}`;
    expect(await errorOf(deep(61))).toEqual([7, undefined]);
    expect(await errorOf(deep(62))).toEqual([null, -32600]);
    expect(await errorOf(`[${deep(62)}]`)).toEqual([null, -32600]);
    const replies = (await post(`[${deep(61)}]`)).json<Reply[]>();
    expect(replies[0]?.error).toBeUndefined();
    // Brackets inside a string do not count.
    expect(await errorOf(call({ params: { text: '['.repeat(200) } }))).toEqual([7, undefined]);
    expect(await errorOf('['.repeat(1_000_000))).toEqual([null, -32600]);
  });

  test('with several faults in its parameters gets all of them in one reply', async () => {
    const { error } = await rpc(gateway, 'play_start', {
      workflow_sid: 5,
      input_data: 'no',
      name: '',
      version_sid: {},
      prefill_resumes: [],
      idempotency_key: '',
      timeout_ms: -1,
      extra: 1,
    });
    expect(error?.code).toBe(-32602);
    expect(error?.data?.code).toBe('INVALID_PARAMS');
    const paths = ((error?.data?.issues ?? []) as { path: string }[]).map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        'workflow_sid',
        'input_data',
        'name',
        'version_sid',
        'prefill_resumes',
        'idempotency_key',
        'timeout_ms',
        '',
      ]),
    );
  });

  test('that is not application/json, or compressed, is refused with 415', async () => {
    const strange: Record<string, string>[] = [
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-encoding': 'gzip' },
    ];
    for (const headers of strange) {
      const answer = await post(call({}), headers);
      expect([answer.status, answer.json().error?.data?.code]).toEqual([415, 'INVALID_PARAMS']);
    }
    expect((await post(call({}), { 'content-type': 'application/json; charset=UTF-8' })).status).toBe(200);
  });
});

describe('replies', () => {
  test('have the id of their call, of any type', async () => {
    for (const id of [0, -1.5, 'a', '', null]) expect((await post(call({ id }))).json().id).toBe(id);
  });

  test('are empty, with 204, for a notification, also when it fails', async () => {
    for (const method of ['play_list', 'no_such']) {
      const answer = await post(JSON.stringify({ jsonrpc: '2.0', method }));
      expect([answer.status, answer.body]).toEqual([204, '']);
    }
  });

  test('to a batch are sent together: none for notifications, an error for malformed calls', async () => {
    const body = [
      { jsonrpc: '2.0', id: 'a', method: 'play_list' },
      { jsonrpc: '2.0', method: 'play_list' },
      { jsonrpc: '2.0', id: 'b', method: 'no_such' },
      7,
    ];
    const replies = (await post(JSON.stringify(body))).json<Reply[]>();
    expect(replies.map(({ id, error }) => [id, error?.code])).toEqual([
      ['a', undefined],
      ['b', -32601],
      [null, -32600],
    ]);
    const silent = await post(JSON.stringify([body[1], body[1]]));
    expect([silent.status, silent.body]).toEqual([204, '']);
  });

  test('a batch has at most 50 calls', async () => {
    const batch = (calls: number): string =>
      JSON.stringify(Array.from({ length: calls }, (_, id) => ({ jsonrpc: '2.0', id, method: 'play_list' })));
    expect((await post(batch(50))).json<Reply[]>()).toHaveLength(50);
    expect(await errorOf(batch(51))).toEqual([null, -32600]);
  });

  test('the calls of a batch run in parallel', async () => {
    gateway.services.play('waited', 'running');
    const waits = Array.from({ length: 10 }, (_, id) => ({
      jsonrpc: '2.0',
      id,
      method: 'play_wait',
      params: { play_sid: 'waited', timeout_ms: 1_000 },
    }));
    const started = performance.now();
    expect((await post(JSON.stringify(waits))).json<Reply[]>()).toHaveLength(10);
    expect(performance.now() - started).toBeLessThan(9_000);
  });

  test('to a refused call have the stable code, retry and details of the service', async () => {
    const known = await rpc(gateway, 'play_resume', { play_sid: 'p', name: 'again', payload: null });
    expect(known.error).toEqual({
      code: -32000,
      message: 'The question was answered before.',
      data: { code: 'ALREADY_RESUMED', retry: false, details: { resumed_at: '2026-11-21T09:30:00.000Z' } },
    });
    expect((await rpc(gateway, 'workflow_get', { name: 'x' })).error?.data?.code).toBe('NOT_FOUND');
  });

  test('to an internal fault contain nothing internal', async () => {
    const { error } = await rpc(gateway, 'play_start', { workflow_name: 'broken' });
    expect(error?.code).toBe(-32603);
    expect(error?.data?.code).toBe('INTERNAL');
    expect(JSON.stringify(error)).not.toMatch(/hunter2|registry\.ts|stack/);
  });

  test('say that the same call can succeed later if a service cannot be reached', async () => {
    const { error } = await rpc(gateway, 'flow_library_search', { query: 'x' });
    expect([error?.code, error?.data?.code, error?.data?.retry]).toEqual([-32000, 'UNAVAILABLE', true]);
  });
});

describe('sizes', () => {
  const source = (bytes: number): object => ({ name: 'big', python_source: '#'.repeat(bytes) });
  const MIB = 1024 * 1024;

  test('a source of 16 MiB is accepted, and a payload of 16 MiB is returned unchanged', async () => {
    const { result } = await rpc(gateway, 'workflow_create', source(16 * MIB));
    expect((result as { description: string }).description).toBe(`${16 * MIB} characters`);
    const text = 'é'.repeat(8 * MIB - 10);
    const started = await rpc(gateway, 'play_start', { workflow_name: 'w', input_data: { text } });
    expect((started.result as { input_data: { text: string } }).input_data.text === text).toBe(true);
  });

  test('a method without payloads accepts 1 MiB; more is PAYLOAD_TOO_LARGE with the id of the call', async () => {
    const { id, error } = await rpc(gateway, 'play_list', { text: 'x'.repeat(2 * MIB) });
    expect([id, error?.code, error?.data?.code]).toEqual([1, -32000, 'PAYLOAD_TOO_LARGE']);
  });

  test('each call of a batch is measured alone', async () => {
    const small = { jsonrpc: '2.0', id: 1, method: 'play_list', params: {} };
    const large = { jsonrpc: '2.0', id: 2, method: 'workflow_create', params: source(3 * MIB) };
    expect((await post(JSON.stringify([small, large]))).json<Reply[]>().map(({ error }) => error)).toEqual([
      undefined,
      undefined,
    ]);
    const wrong = { ...small, params: { text: 'x'.repeat(2 * MIB) } };
    expect(await errorOf(JSON.stringify([small, wrong]))).toEqual([null, -32000]);
  });

  test('a body above the limit is refused with 413; a huge one is not read at all', async () => {
    const to = { socketPath: gateway.rpcSocket };
    const large = await send(to, { body: Buffer.alloc(40 * MIB, 0x20) });
    expect([large.status, large.json().error?.data?.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const headers = {
      'content-type': 'application/json',
      'content-length': String(1024 * MIB),
      expect: '100-continue',
    };
    const claimed = await send(to, { headers });
    expect([claimed.status, claimed.headers.connection]).toEqual([413, 'close']);
    expect((await rpc(gateway, 'play_list')).error).toBeUndefined();
  });
});

describe('a method that reads stored spans', () => {
  test('waits until the events of an ended play are stored, but does not wait for a running one', async () => {
    const { services } = gateway;
    services.play('done', 'success');
    services.append(gateway.ingest, 'done', services.logs(3));
    services.asked.length = 0;
    await rpc(gateway, 'play_events', { play_sid: 'done' });
    expect(services.asked).toEqual(['play_events_mark', 'play_events']);
    services.marks.set('done', { source: 'x1', batch: 2 });
    services.asked.length = 0;
    expect((await rpc(gateway, 'play_spans', { play_sid: 'done' })).result).toMatchObject({ spans: [], seq: 3 });
    expect(services.asked).toEqual(['play_events_mark', 'spans_reached', 'play_spans']);
  });

  test('is joined into play_status on request', async () => {
    const plain = (await rpc(gateway, 'play_status', { play_sid: 'done' })).result as object;
    expect(plain).not.toHaveProperty('spans');
    const full = (await rpc(gateway, 'play_status', { play_sid: 'done', include: ['spans', 'logs'] })).result as object;
    expect(full).toMatchObject({ sid: 'done', spans: [], logs: [{ text: 'hello' }] });
    gateway.services.play('young', 'pending');
    expect((await rpc(gateway, 'play_status', { play_sid: 'young', include: ['spans'] })).result).toMatchObject({
      spans: [],
    });
    expect((await rpc(gateway, 'play_status', { play_sid: 'nobody', include: ['spans'] })).error?.data?.code).toBe(
      'NOT_FOUND',
    );
  });
});
