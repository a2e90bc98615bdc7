import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checkBoundaries } from '../boundaries.mjs';

let root: string;
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
const project = (path: string, name: string, dependencies: Record<string, string> = {}): void =>
  write(`${path}/package.json`, JSON.stringify({ name, dependencies }));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'boundaries-'));
  project('libs/contracts', '@hero/contracts', { zod: '1', lodash: '1' });
  project('libs/bus', '@hero/bus', { '@hero/contracts': '1', '@hero/registry': '1' });
  project('libs/testing', '@hero/testing');
  project('apps/registry', '@hero/registry', {
    '@hero/bus': '1',
    '@hero/executor': '1',
    pg: '1',
    '@hero/testing': '1',
  });
  project('apps/executor', '@hero/executor');
  project('apps/admin', '@hero/admin', { '@hero/bus': '1', '@hero/contracts': '1' });
});
afterEach(() => rmSync(root, { recursive: true }));

describe('the boundaries check', () => {
  it('accepts allowed imports', () => {
    write('libs/bus/src/ask.ts', "import { contract } from '@hero/contracts';\nimport { x } from './x.js';");
    write('apps/registry/src/play-store.ts', "import pg from 'pg';\n// import { bus } from '@hero/bus';");
    write('apps/registry/test/plays.test.ts', "import { testDatabase } from '@hero/testing';");
    write('apps/registry/src/waits/a.ts', "import { b } from '../plays/b.js';\nimport { c } from './c.js';");
    write('apps/registry/src/registry.module.ts', "import { a } from './waits/a.js';");
    expect(checkBoundaries(root)).toEqual([]);
  });

  it.each([
    ['contracts-alone', 'libs/contracts/src/a.ts', "import _ from 'lodash';"],
    ['contracts-alone', 'libs/contracts/src/a.ts', "import { createHash } from 'node:crypto';"],
    ['libs-below-apps', 'libs/bus/src/a.ts', "export * from '@hero/registry';"],
    ['apps-apart', 'apps/registry/src/a.ts', "const e = await import('@hero/executor');"],
    ['admin-contracts', 'apps/admin/src/a.tsx', "import type { Bus } from '@hero/bus';"],
    ['doors-without-sql', 'apps/registry/src/handlers.ts', "import pg from 'pg';"],
    ['stores-without-bus', 'apps/registry/src/play-store.ts', "import { Bus } from '@hero/bus';"],
    ['stay-inside', 'apps/registry/src/a.ts', "import '../../executor/src/main.js';"],
    ['declared', 'apps/executor/src/a.ts', "import pg from 'pg';"],
    ['rooms', 'apps/registry/src/plays/a.ts', "import { b } from '../waits/b.js';"],
    ['rooms', 'apps/registry/src/sql/a.ts', "import type { b } from '../plays/b.js';"],
    ['rooms', 'apps/registry/src/attic/a.ts', "import { b } from '../plays/b.js';"],
    ['rooms', 'apps/registry/src/runs/a.ts', "import { Background } from '../background.js';"],
    ['testing-in-tests', 'apps/registry/src/a.ts', "import { testNats } from '@hero/testing';"],
  ])('refuses a violation of %s', (rule, path, text) => {
    write(path, text);
    const faults = checkBoundaries(root);
    expect(faults.some((fault) => fault.startsWith(`${path}: ${rule}:`))).toBe(true);
  });
});
