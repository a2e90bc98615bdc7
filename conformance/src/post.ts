import { request } from 'node:http';

/** Posts JSON to an HTTP server behind a unix socket. */
export const postTo = (
  socketPath: string,
  path: string,
  body: string,
): Promise<{ status: number; json: Record<string, unknown> }> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request({ socketPath, path, method: 'POST', headers, timeout: 10_000 }, (reply) => {
      let text = '';
      reply.on('data', (chunk: Buffer) => (text += chunk.toString()));
      reply.on('error', reject);
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, json: JSON.parse(text || '{}') }));
    });
    sent.on('timeout', () => sent.destroy(new Error(`no reply to ${path}`)));
    sent.on('error', reject);
    sent.end(body);
  });
