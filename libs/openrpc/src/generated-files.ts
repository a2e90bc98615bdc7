import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publicContracts } from '@hero/contracts';
import { openRpcDocument } from './document.js';
import { pythonClient } from './python.js';
import { PACKAGE } from './runtime.js';
import { readService } from './service.js';
import { servicePython } from './service-python.js';
import { serviceTypescript } from './service-typescript.js';
import { typescriptClient } from './typescript.js';

/** The files that are generated from the contracts and committed: path and text. A test and `npm run generate -- --check` fail when one is stale. */
export function generatedFiles(): { path: string; text: string }[] {
  const document = openRpcDocument(publicContracts());
  const file = (name: string, text: string) => ({ path: join(PACKAGE, 'generated', name), text });
  return [
    file('openrpc.json', `${JSON.stringify(document, null, 2)}\n`),
    file('hero_logic_client.py', pythonClient(document)),
    file('hero_logic_client.ts', typescriptClient(document)),
    ...shopFiles(),
  ];
}

/** Clients of a document with everything that makes a generator stumble: compilers and type checkers read them, and tests drive them. */
function shopFiles(): { path: string; text: string }[] {
  const folder = join(PACKAGE, 'test');
  const shop = readService(JSON.parse(readFileSync(join(folder, 'shop.openrpc.json'), 'utf8')));
  return [
    { path: join(folder, 'generated', 'shop_client.py'), text: servicePython(shop) },
    { path: join(folder, 'generated', 'shop_client.ts'), text: serviceTypescript(shop) },
  ];
}
