import { VERSION } from './version.js';
import type { Door } from './doors.js';

const ADDRESSES: readonly (readonly [address: string, meaning: string, link?: string])[] = [
  ['POST /rpc', 'JSON-RPC 2.0: every method; parameters by name; batches of at most 50 calls'],
  ['GET /openrpc.json', 'the OpenRPC document: methods, shapes, errors', '/openrpc.json'],
  [
    'GET /clients',
    'typed clients in Python and TypeScript, the runtime’s own among them; GET /clients/:name is one',
    '/clients',
  ],
  ['GET /api/plays/:sid/spans', 'server-sent events of one play: snapshot, events, end'],
  ['GET /api/events', 'server-sent events: which plays and workflows have changed'],
  ['GET /healthz', 'this process is alive', '/healthz'],
  ['GET /readyz', 'the bus is connected and the registry answers', '/readyz'],
];

/** A plain page without scripts that lists the addresses of the API. */
export function homePage({ port }: Door): string {
  const rows = ADDRESSES.map(([address, meaning, link]) => {
    const shown = `<code>${address}</code>`;
    return `<tr><td>${link ? `<a href="${link}">${shown}</a>` : shown}</td><td>${meaning}</td></tr>`;
  });
  const where = port > 0 ? ` on port ${port}` : '';
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Hero Logic</title><meta name="viewport" content="width=device-width"></head>
<body>
<h1>Hero Logic ${VERSION}</h1>
<p>The gateway${where}. Calls need <code>Authorization: Bearer …</code> (the token is in <code>var/admin.token</code> below
<code>HERO_HOME</code>) or the session of a login link; the unix socket <code>var/sockets/hero_logic/rpc.sock</code> needs neither.</p>
<table>
${rows.join('\n')}
</table>
</body>
</html>
`;
}
