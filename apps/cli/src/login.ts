import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { rpcSocket } from './run-state.js';

const Link = z.object({ url: z.url() });

/** Asks the gateway, by its unix socket, for a link that opens the admin in a browser once. */
export function loginLink(home: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: rpcSocket(home), host: 'localhost', method: 'POST', path: '/login-link' },
      (reply) => {
        text(reply)
          .then((body) => resolve(Link.parse(JSON.parse(body)).url))
          .catch(reject);
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}
