import { join } from 'node:path';
import { publicContracts } from '@hero/contracts';
import { openRpcDocument } from './document.js';
import { pythonClient } from './python.js';
import { PACKAGE } from './runtime.js';
import { typescriptClient } from './typescript.js';

/** The files that are generated from the contracts and committed: path and text. A test and `npm run generate -- --check` fail when one is stale. */
export function generatedFiles(): { path: string; text: string }[] {
  const document = openRpcDocument(publicContracts());
  const file = (name: string, text: string) => ({ path: join(PACKAGE, 'generated', name), text });
  return [
    file('openrpc.json', `${JSON.stringify(document, null, 2)}\n`),
    file('hero_logic_client.py', pythonClient(document)),
    file('hero_logic_client.ts', typescriptClient(document)),
  ];
}
