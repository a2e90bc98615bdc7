/** The migrations of a service: the classes that the files of its folder export. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MigrationInterface } from 'typeorm';

export type MigrationClass = new () => MigrationInterface;

const CODE = /(?<!\.d)\.[jt]s$/;

/**
 * In the order of their files. Imported here and not by TypeORM, which would do it past the loader of this process, which a test
 * that runs sources has replaced.
 */
export async function migrationsIn(folder: string): Promise<MigrationClass[]> {
  const files = (await readdir(folder)).filter((file) => CODE.test(file)).sort();
  const modules = await Promise.all(
    files.map((file) => import(pathToFileURL(join(folder, file)).href) as Promise<Record<string, unknown>>),
  );
  return modules.flatMap((module) => Object.values(module).filter(isMigration));
}

/** The name under which TypeORM remembers that it ran. */
export function nameOf(migration: MigrationClass): string {
  return new migration().name ?? migration.name;
}

function isMigration(value: unknown): value is MigrationClass {
  return typeof value === 'function' && typeof value.prototype?.up === 'function';
}
