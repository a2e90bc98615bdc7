import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { rpcSocket } from './run-state.js';

/** Asks the gateway, on its unix socket, for a one-time login link to the admin. */
export function loginLink(home: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: rpcSocket(home), host: 'localhost', method: 'POST', path: '/login-link' },
      (reply) => {
        text(reply)
          .then((body) => resolve(linkIn(JSON.parse(body))))
          .catch(reject);
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

function linkIn(reply: unknown): string {
  if (typeof reply === 'object' && reply !== null && 'url' in reply && URL.canParse(String(reply.url)))
    return String(reply.url);
  throw new Error('The gateway gave no login link.');
}
