/** A copy of the built services and of the SDK, to be changed: the checkout stays as it is. */
import { cp, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type TempFolder, tempFolder } from '@hero/testing';

const ROOT = resolve(import.meta.dirname, '../../..');
const COPIED = ['libs', 'apps', 'sdk-python/src'];

export interface Patch {
  /** Below the root of the checkout. */
  file: string;
  /** Must be there exactly once. */
  find: string;
  replace: string;
}

/** The file as it would be. */
export async function patched({ file, find, replace }: Patch, root = ROOT): Promise<string> {
  const parts = (await readFile(join(root, file), 'utf8')).split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times, not once: ${find}`);
  return parts.join(replace);
}

export class BuildCopy implements AsyncDisposable {
  private constructor(private readonly folder: TempFolder) {}

  get root(): string {
    return this.folder.path;
  }

  static async copy(): Promise<BuildCopy> {
    const folder = await tempFolder();
    const { path } = folder;
    for (const part of COPIED)
      await cp(join(ROOT, part), join(path, part), { recursive: true, verbatimSymlinks: true });
    const modules = join(path, 'node_modules');
    await mkdir(join(modules, '@hero'), { recursive: true });
    for (const name of await readdir(join(ROOT, 'node_modules'))) {
      if (name !== '@hero') await symlink(join(ROOT, 'node_modules', name), join(modules, name));
    }
    // Links of the workspace are relative: here they lead to the copies.
    for (const name of await readdir(join(ROOT, 'node_modules/@hero'))) {
      await symlink(await readlink(join(ROOT, 'node_modules/@hero', name)), join(modules, '@hero', name));
    }
    return new BuildCopy(folder);
  }

  async apply(patches: readonly Patch[]): Promise<void> {
    for (const patch of patches) await writeFile(join(this.root, patch.file), await patched(patch, this.root));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }
}
