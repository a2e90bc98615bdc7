import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checkCycles } from '../cycles.mjs';

let root: string;
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cycles-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('the check for circles of imports', () => {
  it('accepts imports in one direction', () => {
    write('libs/a/src/one.ts', "import { two } from './two.js';\nimport { three } from './three.js';");
    write('libs/a/src/two.ts', "export { three } from './three.js';");
    write('libs/a/src/three.ts', "// import { one } from './one.js';\nexport const three = 3;");
    expect(checkCycles(root)).toEqual([]);
  });

  it('names a circle of three files, also if one import is of a type only', () => {
    write('apps/a/src/one.ts', "import { two } from './two.js';");
    write('apps/a/src/two.ts', "import {\n  three,\n} from './three.js';");
    write('apps/a/src/three.ts', "import type { One } from './one.js';");
    const [fault, ...more] = checkCycles(root);
    expect(more).toEqual([]);
    for (const file of ['one', 'two', 'three']) expect(fault).toContain(`apps/a/src/${file}.ts`);
  });

  it('names a circle of packages', () => {
    const manifest = (name: string, on: string): string => JSON.stringify({ name, dependencies: { [on]: '1' } });
    write('libs/a/package.json', manifest('@hero/a', '@hero/b'));
    write('libs/b/package.json', manifest('@hero/b', '@hero/a'));
    expect(checkCycles(root)).toEqual([expect.stringContaining('@hero/a')]);
  });
});
