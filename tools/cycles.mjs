/**
 * No circle of imports, type-only ones included: neither between the files of a package nor between packages.
 * A circle of types matters to readers too: neither file can be understood before the other.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const IMPORT =
  /(?:^|[\s;])(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|(?:^|[\s;])import\s*\(?\s*['"]([^'"]+)['"]/g;
const SKIP = new Set(['node_modules', 'dist', 'generated']);

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (SKIP.has(entry.name) || entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (/\.(ts|tsx|mts|mjs)$/.test(entry.name) && !entry.name.endsWith('.d.ts')) yield path;
  }
}

const withoutComments = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

function importedFiles(file) {
  const found = [];
  for (const [, from, bare] of withoutComments(readFileSync(file, 'utf8')).matchAll(IMPORT)) {
    const specifier = from ?? bare;
    if (!specifier.startsWith('.')) continue;
    const path = resolve(dirname(file), specifier);
    const target = [path.replace(/\.js$/, '.ts'), path.replace(/\.js$/, '.tsx'), path].find((one) => existsSync(one));
    if (target !== undefined) found.push(target);
  }
  return found;
}

/** Every circle once, as the list of its members in the order in which they import each other (Tarjan's components). */
export function circlesIn(graph) {
  const order = new Map();
  const low = new Map();
  const stack = [];
  const circles = [];
  const visit = (node) => {
    order.set(node, order.size);
    low.set(node, order.get(node));
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node), low.get(next)));
    }
    if (low.get(node) !== order.get(node)) return;
    const members = stack.splice(stack.indexOf(node));
    if (members.length > 1 || (graph.get(node) ?? []).includes(node)) circles.push(members);
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return circles;
}

const fileGraph = (folder) => new Map([...sources(folder)].map((file) => [file, importedFiles(file)]));

function packageGraph(root) {
  const manifests = ['libs', 'apps']
    .flatMap((group) =>
      existsSync(join(root, group)) ? readdirSync(join(root, group)).map((name) => join(root, group, name)) : [],
    )
    .concat(join(root, 'conformance'), join(root, 'bench'))
    .map((folder) => join(folder, 'package.json'))
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, 'utf8')));
  const names = new Set(manifests.map(({ name }) => name));
  return new Map(
    manifests.map(({ name, dependencies = {} }) => [name, Object.keys(dependencies).filter((one) => names.has(one))]),
  );
}

/** One sentence for each circle below `root`. */
export function checkCycles(root) {
  const folders = ['libs', 'apps', 'conformance', 'bench', 'tools']
    .map((name) => join(root, name))
    .filter((one) => existsSync(one));
  const files = new Map(folders.flatMap((folder) => [...fileGraph(folder)]));
  return [
    ...circlesIn(files).map((circle) => circle.map((file) => relative(root, file))),
    ...circlesIn(packageGraph(root)),
  ].map((circle) => `a circle of imports: ${[...circle, circle[0]].join(' → ')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = checkCycles(resolve(dirname(fileURLToPath(import.meta.url)), '..'));
  for (const fault of faults) console.error(fault);
  console.log(faults.length ? `${faults.length} circles` : 'no circles');
  process.exit(faults.length ? 1 : 0);
}
