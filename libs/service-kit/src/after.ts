/** Node's own timers fire immediately beyond this: 24.8 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** Runs something once after a time of any length, and never after it was disposed. */
export function after(ms: number, run: () => void): Disposable {
  const due = performance.now() + ms;
  let timer: NodeJS.Timeout;
  const plan = (): void => {
    const left = due - performance.now();
    timer = left > LONGEST_MS ? setTimeout(plan, LONGEST_MS) : setTimeout(run, Math.max(0, left));
  };
  plan();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
