import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DataSource, MigrationInterface } from 'typeorm';

type MigrationClass = new () => MigrationInterface;

const CODE = /(?<!\.d)\.[jt]s$/;

/**
 * Puts the classes in the place of the folders that a DataSource names. TypeORM would import them past the loader of
 * this process, which a test that runs sources has replaced.
 */
export async function loadMigrations(dataSource: DataSource): Promise<void> {
  const named = Object.values(dataSource.options.migrations ?? []);
  const classes = await Promise.all(
    named.map((entry) => (typeof entry === 'string' ? inFolder(dirname(entry)) : [entry])),
  );
  dataSource.setOptions({ migrations: classes.flat() });
}

async function inFolder(folder: string): Promise<MigrationClass[]> {
  const files = (await readdir(folder)).filter((file) => CODE.test(file)).sort();
  const modules = await Promise.all(
    files.map((file) => import(pathToFileURL(join(folder, file)).href) as Promise<Record<string, unknown>>),
  );
  return modules.flatMap((module) => Object.values(module).filter(isMigration));
}

function isMigration(value: unknown): value is MigrationClass {
  return typeof value === 'function' && typeof value.prototype?.up === 'function';
}
