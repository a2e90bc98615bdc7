/** Repeats a round in the background; returns the function that stops it after the round that runs. */
export function repeat(round: () => Promise<void>): () => Promise<void> {
  let stopped = false;
  const work = async (): Promise<void> => {
    while (!stopped) await round();
  };
  const working = work();
  return async () => {
    stopped = true;
    await working;
  };
}
