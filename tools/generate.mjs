/**
 * `node tools/generate.mjs` writes the OpenRPC document and the clients from the contracts, and docs/reference.md from the docstrings of the SDK; with `--check` it changes
 * nothing and ends with 1 where one of them is stale. Runs on the build: `npm run generate` builds first.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
// Does not import the library's index, because that exports the client, which may not have been written yet.
const { generatedFiles } = await import(join(root, 'libs/openrpc/dist/src/generated-files.js'));
const check = process.argv.includes('--check');
const read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

const stale = generatedFiles().filter(({ path, text }) => read(path) !== text);
for (const { path, text } of stale) {
  const name = relative(root, path);
  if (check) {
    console.error(`${name} is stale; run \`npm run generate\` and commit it.`);
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`wrote ${name}`);
  }
}
const reference = spawnSync(
  process.env.HERO_PYTHON ?? 'python3',
  ['-B', join(root, 'tools/reference.py'), ...process.argv.slice(2)],
  { stdio: 'inherit', env: { ...process.env, PYTHONPATH: join(root, 'sdk-python/src') } },
);
if (!check && stale.length === 0) console.log('all generated files are fresh');
process.exitCode = reference.status !== 0 || (check && stale.length > 0) ? 1 : 0;
