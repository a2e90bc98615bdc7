import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { generatedFiles } from '../src/index.js';

const run = promisify(execFile);
const python = (code: string, ...args: string[]) => run('python3', ['-c', code, ...args]);
const client = generatedFiles().find(({ path }) => path.endsWith('.py'))?.path ?? '';

describe('the generated files', () => {
  test.each(generatedFiles().map(({ path, text }) => [path.split('/').pop(), path, text]))(
    '%s is up to date with the contracts (npm run generate)',
    async (_, path, text) => {
      expect(await readFile(String(path), 'utf8')).toBe(text);
    },
  );

  test('the Python client compiles, has its head comment, and imports the standard library only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hero-client-'));
    try {
      await run('python3', [
        '-c',
        'import py_compile, sys; py_compile.compile(*sys.argv[1:], doraise=True)',
        client,
        `${folder}/c.pyc`,
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
    const code = `
import ast, sys
tree = ast.parse(open(sys.argv[1]).read())
names = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
names += [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
print(sorted({n.split(".")[0] for n in names} - sys.stdlib_module_names))
`;
    expect((await python(code, client)).stdout.trim()).toBe('[]');
    expect((await readFile(client, 'utf8')).split('\n')[0]).toContain('do not edit');
  });

  test('the Python client exports exactly its public names, and documents every method', async () => {
    const code = `
import importlib.util, inspect, json, sys
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("c", sys.argv[1]); c = importlib.util.module_from_spec(spec); spec.loader.exec_module(c)
assert all(hasattr(c, name) for name in c.__all__), "missing"
bare = [n for n, f in inspect.getmembers(c.HeroClient, inspect.isfunction) if not n.startswith("_") and not f.__doc__]
print(json.dumps([bare, str(inspect.signature(c.HeroClient.play_wait))]))
`;
    const [bare, wait] = JSON.parse((await python(code, client)).stdout) as [string[], string];
    expect(bare).toEqual([]);
    expect(wait).toContain('play_sid');
    expect(wait).toContain('timeout_ms');
  });
});
