/** Tries of one batch. A batch of 200 events with four that cannot be stored needs about sixty. */
const TRIES = 64;

/**
 * Halves the events until each that cannot be stored stands alone, and returns their indexes. I12: beyond TRIES what was not found to
 * be good is given up too, so that a batch full of poison costs no more than this.
 */
export async function findPoison<T>(
  events: readonly T[],
  fits: (part: readonly T[]) => Promise<boolean>,
): Promise<Set<number>> {
  const poison = new Set<number>();
  let tries = 0;
  const look = async (from: number, to: number): Promise<void> => {
    if (++tries <= TRIES && (await fits(events.slice(from, to)))) return;
    if (to - from === 1 || tries > TRIES) {
      for (let index = from; index < to; index++) poison.add(index);
      return;
    }
    const middle = (from + to) >> 1;
    await look(from, middle);
    await look(middle, to);
  };
  if (events.length > 0) await look(0, events.length);
  return poison;
}
