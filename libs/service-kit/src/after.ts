/** The longest delay of Node's timers, 24.8 days; longer ones would fire immediately. */
const LONGEST_MS = 2 ** 31 - 1;

/** Runs a function once after a delay of any length, and never after it was disposed. */
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
