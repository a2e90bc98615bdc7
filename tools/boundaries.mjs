/**
 * The module boundaries of docs/decisions/0001 as a check. Rules, each with a name that a failure prints:
 *  contracts-alone     libs/contracts imports zod and itself only
 *  libs-below-apps     a library never imports an app
 *  apps-apart          an app never imports another app: they meet on the bus
 *  admin-contracts     the admin SPA imports contracts only
 *  doors-without-sql   handlers (*handlers.ts) never import persistence, pg or typeorm
 *  stores-without-bus  stores (*-store.ts) never import the bus or NATS
 *  stay-inside         a relative import never leaves its project
 *  declared            what a project imports is in its package.json
 *  testing-in-tests    @hero/testing is imported by tests only
 *  rooms               a folder of an app imports only the folders that its line in ROOMS names
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const IMPORT =
  /(?:^|[\s;])(?:import|export)\s+(?:type\s+)?(?:[\w*{}\s,$]+\s+from\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;
const SKIP = new Set(['node_modules', 'dist', 'generated', 'golden']);

/** The rooms of an app and the rooms that each may import. Files outside of the rooms (the module, its background) may import all. */
const ROOMS = {
  '@hero/registry': {
    sql: [],
    migrations: [],
    outbox: ['sql'],
    life: ['sql', 'outbox'],
    workflows: ['sql', 'outbox'],
    'schema-checks': ['workflows'],
    runs: ['sql', 'outbox', 'life', 'workflows'],
    plays: ['sql', 'outbox', 'life', 'workflows', 'schema-checks'],
    waits: ['sql', 'outbox', 'life', 'workflows', 'schema-checks', 'runs', 'plays'],
    doors: ['workflows', 'schema-checks', 'runs', 'plays', 'waits'],
  },
};

/** Why an import between rooms is forbidden, or undefined. */
function wallBetween(project, from, to) {
  const roomOf = (path) => {
    const [source, room, ...rest] = relative(project.folder, path).split(sep);
    return source === 'src' && rest.length > 0 ? room : undefined;
  };
  const [room, other] = [roomOf(from), roomOf(to)];
  const rooms = ROOMS[project.name];
  if (!rooms || room === undefined || room === other) return undefined;
  if (!(room in rooms)) return `${room} has no line in ROOMS of tools/boundaries.mjs`;
  if (other === undefined) return `${room} may not import files outside of the rooms`;
  return rooms[room].includes(other) ? undefined : `${room} is not above ${other}`;
}

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (SKIP.has(entry.name) || entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (/\.(ts|tsx|mts)$/.test(entry.name) && !entry.name.endsWith('.d.ts')) yield path;
  }
}

const projectsOf = (root) =>
  ['libs', 'apps'].flatMap((group) => {
    const base = join(root, group);
    if (!statSync(base, { throwIfNoEntry: false })) return [];
    return readdirSync(base, { withFileTypes: true })
      .filter((d) => d.isDirectory() && statSync(join(base, d.name, 'package.json'), { throwIfNoEntry: false }))
      .map((d) => {
        const manifest = JSON.parse(readFileSync(join(base, d.name, 'package.json'), 'utf8'));
        return { group, folder: join(base, d.name), name: manifest.name, manifest };
      });
  });

const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
const withoutComments = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

function importsOf(file) {
  return [...withoutComments(readFileSync(file, 'utf8')).matchAll(IMPORT)].map((m) => m[1] ?? m[2]);
}

/** Returns one sentence for each forbidden import below `root`. */
export function checkBoundaries(root, rootManifest = {}) {
  const projects = projectsOf(root);
  const byName = new Map(projects.map((p) => [p.name, p]));
  const faults = [];
  for (const project of projects) {
    const own = { ...project.manifest.dependencies, ...project.manifest.devDependencies };
    for (const file of sources(project.folder)) {
      const inTests = relative(project.folder, file).split(sep).includes('test');
      const say = (rule, specifier, why) =>
        faults.push(`${relative(root, file)}: ${rule}: may not import '${specifier}' (${why})`);
      for (const specifier of importsOf(file)) {
        if (specifier.startsWith('.')) {
          const target = resolve(dirname(file), specifier);
          if (!target.startsWith(project.folder + sep)) say('stay-inside', specifier, `leaves ${project.name}`);
          const wall = wallBetween(project, file, target);
          if (wall !== undefined) say('rooms', specifier, wall);
          continue;
        }
        if (specifier.startsWith('node:') || builtinModules.includes(specifier)) {
          if (project.name === '@hero/contracts' && !inTests) say('contracts-alone', specifier, 'zod only');
          continue;
        }
        const pkg = packageOf(specifier);
        const target = byName.get(pkg);
        if (project.name === '@hero/contracts' && pkg !== 'zod' && !inTests)
          say('contracts-alone', specifier, 'zod only');
        if (target?.group === 'apps' && target !== project)
          say(project.group === 'libs' ? 'libs-below-apps' : 'apps-apart', specifier, 'apps are reached over the bus');
        if (project.name === '@hero/admin' && target && pkg !== '@hero/contracts')
          say('admin-contracts', specifier, 'contracts only');
        if (file.endsWith('handlers.ts') && ['@hero/persistence', 'pg', 'typeorm', '@nestjs/typeorm'].includes(pkg))
          say('doors-without-sql', specifier, 'a door only passes on');
        if (file.endsWith('-store.ts') && (pkg === '@hero/bus' || pkg.startsWith('@nats-io/')))
          say('stores-without-bus', specifier, 'a store only speaks SQL');
        if (pkg === '@hero/testing' && !inTests && project.name !== '@hero/testing')
          say('testing-in-tests', specifier, 'tests only');
        const declared =
          own[pkg] ?? (inTests || pkg.startsWith('@types/') ? rootManifest.devDependencies?.[pkg] : undefined);
        if (!declared && pkg !== project.name && !(inTests && target))
          say('declared', specifier, `not in ${project.name}'s package.json`);
      }
    }
  }
  return faults;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
  const faults = checkBoundaries(root, JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  for (const fault of faults) console.error(fault);
  console.log(faults.length ? `${faults.length} forbidden imports` : 'boundaries hold');
  process.exit(faults.length ? 1 : 0);
}
