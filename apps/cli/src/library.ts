import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Inspection, Workflow } from '@hero/contracts';
import { type Hero, isHeroError } from './client.js';

export interface Pushed {
  readonly workflow: Workflow;
  readonly change: 'created' | 'new version' | 'unchanged';
  /** What the person who saves should know: what its plays may have beyond the usual, and warnings. */
  readonly remarks: readonly string[];
}

/** Saves a source under its flow's name: as a new workflow, as a new version, or not at all if it is the current source. */
export async function push(hero: Hero, file: string, name?: string): Promise<Pushed> {
  const python_source = await readFile(file, 'utf8');
  const inspection = await hero.workflow_inspect({ python_source });
  const remarks = remarksOn(inspection, file);
  const wanted = name ?? (inspection.name || nameOf(file));
  const known = await find(hero, wanted);
  if (!known) {
    return { workflow: await hero.workflow_create({ name: wanted, python_source }), change: 'created', remarks };
  }
  const version = await hero.workflow_create_version({ workflow_sid: known.sid, python_source });
  const workflow = await hero.workflow_get({ workflow_sid: known.sid });
  return { workflow, change: version.sid === known.current_version_sid ? 'unchanged' : 'new version', remarks };
}

function remarksOn({ options, issues }: Inspection, file: string): string[] {
  const granted = [
    ['secrets', options.secrets],
    ['methods', options.grants],
  ] as const;
  return [
    ...granted.flatMap(([what, names]) =>
      Array.isArray(names) && names.length > 0 ? [`its plays may use the ${what} ${names.join(', ')}`] : [],
    ),
    ...issues
      .filter(({ severity }) => severity === 'warning')
      .map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`),
  ];
}

const nameOf = (file: string): string => {
  const own = basename(file, '.py');
  return own === 'flow' ? basename(dirname(resolve(file))) : own;
};

/** The notes by which a shipped version is distinguished from one that a user saved. */
const SHIPPED_NOTES = 'Shipped with Hero Logic.';

export interface Loaded {
  readonly workflow: Workflow;
  readonly change: Pushed['change'] | 'changed here, left alone';
}

/** Loads every `flows/<name>/flow.py` of the checkout. */
export async function loadFlows(hero: Hero, folder: string): Promise<Loaded[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.map(async (name) => loadFlow(hero, name, await readFile(join(folder, name, 'flow.py'), 'utf8'))),
  );
}

/**
 * A shipped flow never replaces a user's version: a newer one becomes current only if the current version was shipped too.
 * A source that was loaded before is not loaded again, also if the user has gone back to an older version.
 */
export async function loadFlow(hero: Hero, name: string, python_source: string): Promise<Loaded> {
  const notes = SHIPPED_NOTES;
  const known = await find(hero, name);
  if (!known) return { workflow: await hero.workflow_create({ name, python_source, notes }), change: 'created' };
  const workflow_sid = known.sid;
  const sha256 = createHash('sha256').update(python_source).digest('hex');
  let cursor: string | undefined;
  do {
    const page = await hero.workflow_version_list({ workflow_sid, ...(cursor && { cursor }) });
    if (page.items.some(({ source_sha256 }) => source_sha256 === sha256))
      return { workflow: known, change: 'unchanged' };
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  const current = await hero.workflow_version_fetch({ version_sid: known.current_version_sid });
  if (current.notes !== SHIPPED_NOTES) return { workflow: known, change: 'changed here, left alone' };
  await hero.workflow_create_version({ workflow_sid, python_source, notes });
  return { workflow: await hero.workflow_get({ workflow_sid }), change: 'new version' };
}

async function find(hero: Hero, name: string): Promise<Workflow | undefined> {
  try {
    return await hero.workflow_get({ name });
  } catch (error) {
    if (isHeroError(error) && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}
