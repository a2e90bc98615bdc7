/** `node tools/python.mjs MODULE …` runs a module of the checks' Python, as `node tools/python.mjs ruff check sdk-python`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pythonEnv } from './python-env.mjs';

const ran = spawnSync(pythonEnv(join(import.meta.dirname, '..')), ['-m', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exitCode = ran.status ?? 1;
