import { createInbox, type NatsConnection } from '@nats-io/transport-node';
import { decode } from './wire.js';

export interface GatherOptions {
  /** How long answers are waited for in all. Default 500 ms. */
  withinMs?: number;
  /** It ends earlier when nobody has answered for this long after an answer. Default 100 ms. */
  quietMs?: number;
}

/** One question, many answers: nobody knows how many there are, so time ends it. */
export function gather(nc: NatsConnection, subject: string, options: GatherOptions): Promise<unknown[]> {
  const { withinMs = 500, quietMs = 100 } = options;
  const answers: unknown[] = [];
  const inbox = createInbox();
  return new Promise((resolve) => {
    let quiet: NodeJS.Timeout | undefined;
    const finish = (): void => {
      clearTimeout(limit);
      clearTimeout(quiet);
      if (!nc.isClosed()) subscription.unsubscribe();
      resolve(answers);
    };
    const limit = setTimeout(finish, withinMs);
    const subscription = nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error || message.headers?.code === 503) return finish();
        answers.push(decode(message.data));
        clearTimeout(quiet);
        quiet = setTimeout(finish, quietMs);
      },
    });
    nc.publish(subject, undefined, { reply: inbox });
  });
}
