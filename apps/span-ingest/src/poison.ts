/** Halves the events until each that cannot be stored stands alone. Returns their places. */
export async function findPoison<T>(
  events: readonly T[],
  fits: (part: readonly T[]) => Promise<boolean>,
): Promise<Set<number>> {
  const poison = new Set<number>();
  const look = async (from: number, to: number): Promise<void> => {
    if (await fits(events.slice(from, to))) return;
    if (to - from === 1) {
      poison.add(from);
      return;
    }
    const middle = (from + to) >> 1;
    await look(from, middle);
    await look(middle, to);
  };
  if (events.length > 0) await look(0, events.length);
  return poison;
}
