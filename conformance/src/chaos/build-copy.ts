/** A copy of the built services and of the SDK that patches may change; the checkout stays unchanged. */
import { cp, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type TempFolder, tempFolder } from '@hero/testing';

const ROOT = resolve(import.meta.dirname, '../../..');
const COPIED = ['libs', 'apps', 'sdk-python/src'];

/** The folders in which patches are searched, so that code may move between the files of a package. */
export const PACKAGES = {
  registry: { folder: 'apps/registry/dist', ext: '.js' },
  executor: { folder: 'apps/executor/dist', ext: '.js' },
  'span-ingest': { folder: 'apps/span-ingest/dist', ext: '.js' },
  gateway: { folder: 'apps/admin-gateway/dist', ext: '.js' },
  bus: { folder: 'libs/bus/dist', ext: '.js' },
  contracts: { folder: 'libs/contracts/dist', ext: '.js' },
  spans: { folder: 'libs/spans/dist', ext: '.js' },
  sdk: { folder: 'sdk-python/src/hero_tracing', ext: '.py' },
} as const;

export interface Patch {
  package: keyof typeof PACKAGES;
  /** Must occur exactly once in the whole package. White space matches any other white space. */
  find: string;
  replace: string;
}

/** The file that a patch changes, and its new text. */
export async function patched({ package: name, find, replace }: Patch, root = ROOT) {
  const { folder, ext } = PACKAGES[name];
  const words = find
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(words.join('\\s+'), 'g');
  const found: { file: string; text: string }[] = [];
  for (const file of await filesIn(join(root, folder), ext)) {
    const text = await readFile(file, 'utf8');
    for (const _ of text.matchAll(pattern)) found.push({ file, text });
  }
  const [only] = found;
  if (found.length !== 1 || !only) throw new Error(`${name} has ${found.length} times, not once: ${find}`);
  return { file: only.file, text: only.text.replace(pattern, () => replace) };
}

async function filesIn(folder: string, ext: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(ext))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

export class BuildCopy implements AsyncDisposable {
  private constructor(private readonly folder: TempFolder) {}

  get root(): string {
    return this.folder.path;
  }

  static async make(): Promise<BuildCopy> {
    const folder = await tempFolder();
    const { path } = folder;
    for (const part of COPIED)
      await cp(join(ROOT, part), join(path, part), { recursive: true, verbatimSymlinks: true });
    const modules = join(path, 'node_modules');
    await mkdir(join(modules, '@hero'), { recursive: true });
    for (const name of await readdir(join(ROOT, 'node_modules'))) {
      if (name !== '@hero') await symlink(join(ROOT, 'node_modules', name), join(modules, name));
    }
    // Links of the workspace are relative, so here they lead to the copies.
    for (const name of await readdir(join(ROOT, 'node_modules/@hero'))) {
      await symlink(await readlink(join(ROOT, 'node_modules/@hero', name)), join(modules, '@hero', name));
    }
    return new BuildCopy(folder);
  }

  async apply(patches: readonly Patch[]): Promise<void> {
    for (const patch of patches) {
      const { file, text } = await patched(patch, this.root);
      await writeFile(file, text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }
}
