/** What `within` ends with when time was up first. */
export const LATE = Symbol('late');

/** Waits for something, but not longer than this. What comes later is left to itself, its failure too. */
export async function within<T>(done: Promise<T>, ms: number): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), Math.max(0, ms));
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
