import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Workflow } from '@hero/contracts';
import { type Hero, isHeroError } from './client.js';

export interface Pushed {
  readonly workflow: Workflow;
  readonly change: 'created' | 'new version' | 'unchanged';
}

/** Saves a source under its flow's name: a new workflow, a new version, or nothing where it is what is current. */
export async function push(hero: Hero, file: string, name?: string): Promise<Pushed> {
  const python_source = await readFile(file, 'utf8');
  const wanted = name ?? ((await hero.workflow_inspect({ python_source })).name || nameOf(file));
  const known = await hero.workflow_get({ name: wanted }).catch((error: unknown) => {
    if (isHeroError(error) && error.code === 'NOT_FOUND') return undefined;
    throw error;
  });
  if (!known) return { workflow: await hero.workflow_create({ name: wanted, python_source }), change: 'created' };
  const version = await hero.workflow_create_version({ workflow_sid: known.sid, python_source });
  const workflow = await hero.workflow_get({ workflow_sid: known.sid });
  return { workflow, change: version.sid === known.current_version_sid ? 'unchanged' : 'new version' };
}

const nameOf = (file: string): string => {
  const own = basename(file, '.py');
  return own === 'flow' ? basename(dirname(resolve(file))) : own;
};

/** Loads every `flows/<name>/flow.py` of the checkout; what is current already is left alone. */
export async function loadFlows(hero: Hero, folder: string): Promise<Pushed[]> {
  const names = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  return Promise.all(names.map((name) => push(hero, join(folder, name, 'flow.py'), name)));
}
