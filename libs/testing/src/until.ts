import { setTimeout as delay } from 'node:timers/promises';

/** Polls until the check returns a value. Only for effects outside the process that have no event. */
export async function until<T>(
  check: () => Promise<T | undefined | false>,
  { within = 10_000, what = 'the condition' }: { within?: number; what?: string } = {},
): Promise<T> {
  const end = Date.now() + within;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 100)) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${within} ms`);
    await delay(pause);
  }
}
