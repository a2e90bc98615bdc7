/** I8: a wake-up may come twice, late, or to two; the play is claimed once. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PlayService } from './play-service.js';

let registry: PlayService;
beforeAll(async () => {
  registry = await PlayService.start();
});
afterAll(async () => registry[Symbol.asyncDispose]());

describe('I8: a play is claimed once', () => {
  test('of two executors with the same message one gets it', async () => {
    const { sid } = await registry.start();
    const owners = Array.from({ length: 8 }, (_, n) => `executor-${n}`);
    const claims = await Promise.all(owners.map((owner) => registry.claim(sid, owner, 1)));
    const got = claims.filter((claim) => claim !== null);
    expect(got).toHaveLength(1);
    expect(got[0]).toMatchObject({ play_sid: sid, epoch: 1, attempt: 1 });
    expect(await registry.row(sid)).toMatchObject({ status: 'running', owner: got[0]?.owner, epoch: 1, attempt: 1 });
  });
});
