import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The golden file `/conformance/golden/<name>.json`, which the Python tests read too. */
export function readGolden(name: string): unknown {
  const path = join(import.meta.dirname, '..', '..', '..', 'conformance', 'golden', `${name}.json`);
  return JSON.parse(readFileSync(path, 'utf8'));
}
