import { backoff, LATE, within } from '@hero/bus';
import { messageOf } from '@hero/contracts';

describe('waits between tries', () => {
  it('double up to the longest, and begin anew after a reset', async () => {
    const retry = backoff(1, 6);
    const waits: number[] = [];
    for (let n = 0; n < 5; n++) {
      waits.push(retry.nextMs);
      await retry.wait();
    }
    expect(waits).toEqual([1, 2, 4, 6, 6]);
    retry.reset();
    expect(retry.nextMs).toBe(1);
  });

  it('end with the reason of their signal, also where it was aborted before', async () => {
    const reason = new Error('the play is gone');
    const ending = new AbortController();
    const waiting = backoff(60_000, 60_000).wait(ending.signal);
    ending.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(backoff(1, 1).wait(ending.signal)).rejects.toBe(reason);
  });
});

describe('within a time', () => {
  it('a value is what it is, an error is thrown, and what does not come is late', async () => {
    expect(await within(Promise.resolve(7), 60_000)).toBe(7);
    await expect(within(Promise.reject(new Error('no')), 60_000)).rejects.toThrow('no');
    expect(await within(new Promise(() => undefined), 1)).toBe(LATE);
  });

  it('what fails after its time disturbs nobody', async () => {
    let fail: (error: Error) => void = () => undefined;
    const failing = new Promise((_, reject) => {
      fail = reject;
    });
    expect(await within(failing, 1)).toBe(LATE);
    fail(new Error('too late'));
    await expect(failing).rejects.toThrow('too late');
  });
});

it.each([
  [new Error('why'), 'why'],
  [new AggregateError([new Error('a'), new Error('b')]), 'a; b'],
  [new TypeError(), 'TypeError'],
  ['text', 'text'],
  [{ message: 'of another realm' }, 'of another realm'],
  [null, 'null'],
])('what %p says is %p', (error, says) => expect(messageOf(error)).toBe(says));
