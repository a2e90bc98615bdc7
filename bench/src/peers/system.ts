/** What is compared: systems that do the same work, each in its own way (bench/peers says how, beside the code that does it). */
export type SystemId = 'hero' | 'restate' | 'dbos' | 'dbos-python';

export type Work =
  /** Trivial workflows, one after the other: the milliseconds of each. */
  | { work: 'trivial'; count: number }
  /** Trivial workflows, so many at a time: the milliseconds of all. */
  | { work: 'together'; count: number; together: number }
  /** One workflow of sequential steps that do nothing: the milliseconds of one step. */
  | { work: 'steps'; count: number }
  /** One workflow whose remembered steps run side by side: the milliseconds of all. */
  | { work: 'fanOut'; count: number }
  /** Such a workflow that then waits, and is replayed: the milliseconds in its code, and from the answer to its end. */
  | { work: 'replay'; count: number }
  /** Workflows that wait for an answer, and are suspended first where that is a choice: from the answer to the line after the wait. */
  | { work: 'answer'; count: number; suspended?: boolean }
  /** One workflow that calls trivial ones, one after the other: the milliseconds of each call. */
  | { work: 'spawn'; count: number };

export interface SystemInfo {
  readonly id: SystemId;
  readonly name: string;
  readonly version: string;
}

export interface System extends SystemInfo, AsyncDisposable {
  /** The milliseconds, as the kind of work says. */
  run(work: Work): Promise<number[]>;
  /** The processes whose CPU time counts as the system's, descendants included. */
  processes(): ReadonlyMap<string, number>;
}
