/** The part of the environment that the parent knows later than the rest, put into `process.env` when its message comes. */
export function envByIpc(): Promise<void> {
  return new Promise((resolve) => {
    const take = (message: unknown): void => {
      if (typeof message !== 'object' || message === null || !('env' in message)) return;
      Object.assign(process.env, message.env);
      process.off('message', take);
      process.off('disconnect', leave);
      resolve();
    };
    // A parent that died before it said so: nothing has begun yet.
    const leave = (): never => process.exit(0);
    process.on('message', take);
    process.once('disconnect', leave);
    if (!process.connected) leave();
  });
}
