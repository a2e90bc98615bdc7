/**
 * Contracts that wait (`waits`) are asked in slices, so that a service that restarts in between loses nobody.
 *
 * 1. A slice asks for at most `waitSliceMs`; the reply may come later than that by SLICE_GRACE_MS.
 * 2. UNAVAILABLE or TIMEOUT in a slice is an outage: asked again until the caller's own limit, and where it set none,
 *    until the outage has lasted `outageLimitMs`.
 */
import { type Contract, HeroError } from '@hero/contracts';
import { type AskOptions, exchange } from './ask.js';
import { sleep } from './backoff.js';
import type { Connection } from './connection.js';

const SLICE_GRACE_MS = 5_000;
const OUTAGE_RETRY_MS = 250;

export async function askInSlices(
  bus: Connection,
  contract: Contract,
  params: unknown,
  options: AskOptions,
): Promise<unknown> {
  const waits = contract.waits;
  if (!waits) return exchange(bus, contract, params, options);
  const own = waits.limitMs(params) || Number.POSITIVE_INFINITY;
  const limit = performance.now() + Math.min(own, options.timeoutMs ?? Number.POSITIVE_INFINITY);
  let outageSince: number | undefined;
  for (;;) {
    const left = limit - performance.now();
    // Never 0: to a contract that waits, 0 means no limit.
    const sliceMs = Math.max(1, Math.round(Math.min(left, bus.waitSliceMs)));
    try {
      const result = await exchange(bus, contract, waits.slice(params, sliceMs), {
        ...options,
        timeoutMs: sliceMs + SLICE_GRACE_MS,
      });
      if (waits.done(params, result) || performance.now() >= limit) return result;
      outageSince = undefined;
    } catch (error) {
      if (!(error instanceof HeroError) || (error.code !== 'UNAVAILABLE' && error.code !== 'TIMEOUT')) throw error;
      const now = performance.now();
      outageSince ??= now;
      const giveUp = Number.isFinite(limit) ? now >= limit : now - outageSince >= bus.outageLimitMs;
      if (giveUp || bus.nc.isClosed() || bus.nc.isDraining()) throw error;
      await sleep(Math.min(OUTAGE_RETRY_MS, Math.max(1, limit - now)), options.signal);
    }
  }
}
