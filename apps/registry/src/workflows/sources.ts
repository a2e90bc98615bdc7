/** Inspects sources. An executor parses them: the registry never runs or parses Python itself. */
import { createHash } from 'node:crypto';
import { Bus } from '@hero/bus';
import {
  HeroError,
  type Inspection,
  inspectSource,
  type Issue,
  type JsonObject,
  publicContracts,
  type SourceIssue,
  textFault,
  unreadableSource,
} from '@hero/contracts';
import { didYouMean, jsonFaults } from '@hero/json';
import { Injectable } from '@nestjs/common';
import { declarationFaults } from './inputs.js';

/** An inspection of a source with an entry flow. */
export type SoundInspection = Inspection & { entry: string };

/** An executor stops after 8 s, the caller of the registry after 10 s. */
const READ_WITHIN_MS = 9_500;
const DESCRIPTION_LIMIT = 10_000;
const TAG_LIMIT = 50;

@Injectable()
export class Sources {
  constructor(private readonly bus: Bus) {}

  /** The result of `workflow_inspect`; faults of the source are part of the result. */
  async inspect(source: string): Promise<Inspection> {
    const unreadable = characterFaults(source);
    if (unreadable.length > 0) return unreadableSource(unreadable);
    try {
      return await this.bus.ask(inspectSource, { python_source: source }, { timeoutMs: READ_WITHIN_MS });
    } catch (cause) {
      if (!(cause instanceof HeroError) || (cause.code !== 'UNAVAILABLE' && cause.code !== 'TIMEOUT')) throw cause;
      const message = `An executor parses sources, and none could do it: ${cause.message} Start one, or try again.`;
      throw new HeroError('UNAVAILABLE', message, { cause });
    }
  }

  /** Inspects a source that is to be saved; refuses one that cannot be played, with all faults. */
  async accept(source: string): Promise<SoundInspection> {
    const inspection = await this.inspect(source);
    const errors = inspection.issues.filter((issue) => issue.severity === 'error');
    if (errors.length > 0) throw sourceInvalid(errors.map(atLine), errors);
    const { entry } = inspection;
    if (entry === null) {
      const message = 'has no entry flow: decorate the function that a play calls with @flow';
      throw sourceInvalid([{ path: 'python_source', message }], []);
    }
    const line = inspection.flows.find((flow) => flow.function === entry)?.line ?? 1;
    const faults = declared(inspection).map(({ path, message }) => ({
      line,
      column: 1,
      severity: 'error' as const,
      message: `${path} ${message}`,
    }));
    if (faults.length > 0) throw sourceInvalid(faults.map(atLine), faults);
    return { ...inspection, entry };
  }
}

export const sha256 = (source: string): string => createHash('sha256').update(source).digest('hex');

/** The parts of a declaration that cannot be stored, shown or checked. */
function declared(inspection: Inspection): Issue[] {
  const { name, description, tags, requirements, options, inputs, outputs } = inspection;
  const issues = jsonFaults({ name, description, tags, requirements, options }, '');
  if (description.length > DESCRIPTION_LIMIT) {
    issues.push({ path: 'description', message: `must have at most ${DESCRIPTION_LIMIT} characters` });
  }
  if (tags.length > TAG_LIMIT) issues.push({ path: 'tags', message: `must be at most ${TAG_LIMIT}` });
  issues.push(...grantFaults(options));
  return [...issues, ...declarationFaults(inputs, 'inputs'), ...declarationFaults(outputs, 'outputs')];
}

/** Checks grants here, because otherwise an unknown method would fail only in the play that calls it. */
function grantFaults({ grants = [] }: JsonObject): Issue[] {
  if (!Array.isArray(grants)) return [{ path: 'grants', message: 'must be a list of method names' }];
  const methods = publicContracts().map(({ name }) => name);
  return grants.flatMap((grant, index) => {
    if (typeof grant === 'string' && methods.includes(grant)) return [];
    const named = typeof grant === 'string' ? didYouMean(grant, methods) : '';
    return [{ path: `grants.${index}`, message: `${JSON.stringify(grant)} is not a public method${named}` }];
  });
}

const atLine = ({ line, column, message }: SourceIssue): Issue => ({
  path: `python_source:${line}:${column}`,
  message,
});

function sourceInvalid(issues: Issue[], found: SourceIssue[]): HeroError {
  const first = issues[0];
  const more = issues.length > 1 ? ` and ${issues.length - 1} more` : '';
  return new HeroError('SOURCE_INVALID', `The source cannot be saved: ${first?.path} ${first?.message}${more}.`, {
    issues,
    details: { issues: found.map(({ line, column, message }) => ({ line, column, message })) },
  });
}

/** Lines with NUL characters and lone surrogates, which Python cannot read and PostgreSQL cannot store. */
function characterFaults(source: string): SourceIssue[] {
  if (textFault(source) === undefined) return [];
  return source.split('\n').flatMap((line, index) => {
    const message = textFault(line);
    // Columns count characters from 1, like those of Python's faults.
    const column = Array.from(line.slice(0, line.search(/[\0\p{Surrogate}]/u))).length + 1;
    return message === undefined
      ? []
      : [{ line: index + 1, column, message: `the source ${message}`, severity: 'error' as const }];
  });
}
