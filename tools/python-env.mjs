/** The Python that the checks run with: the SDK in editable form, pytest and the clients that `instrument` is tried with, in a venv below node_modules/.cache. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const run = (command, args, options = {}) => spawnSync(command, args, { encoding: 'utf8', ...options });

/** Makes the venv if there is none or the SDK's metadata changed; returns the path of its interpreter. */
export function pythonEnv(root) {
  const folder = join(root, 'node_modules', '.cache', 'hero-python');
  const python = join(folder, 'bin', 'python');
  const stamp = join(folder, 'stamp');
  const base = process.env.HERO_PYTHON ?? 'python3';
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'sdk-python', 'pyproject.toml')))
    .update(run(base, ['-c', 'import sys; print(sys.executable, sys.version)']).stdout ?? '')
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python;

  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const made = run(base, ['-m', 'venv', folder]);
  if (made.status !== 0) {
    throw new Error(
      `${base} cannot make a virtual environment. Install Python 3.10 or newer with its venv module ` +
        `(Debian: apt-get install python3-venv), or name one in HERO_PYTHON.\n${made.stdout ?? ''}${made.stderr ?? made.error}`,
    );
  }
  const installed = run(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '-e',
    `${join(root, 'sdk-python')}[dev,clients]`,
  ]);
  if (installed.status !== 0)
    throw new Error(`pip could not install sdk-python[dev,clients]:\n${installed.stdout}${installed.stderr}`);
  writeFileSync(stamp, wanted);
  return python;
}
