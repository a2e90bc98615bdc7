/** What a chaos run checks, by name. Every violation begins with the name of the check that found it. */

export const CHECKS = {
  I1: 'every accepted play becomes final: success, or cancelled if it was cancelled',
  I2: 'no older epoch commits after a newer one, and nothing is committed after the end of a play',
  I3: 'no body of a step starts after its outcome, value or error, was committed; no step is committed twice',
  I4: 'every run of a step has the idempotency key of its committed outcome',
  I5: 'a pause returns the one accepted answer, or its default if no answer was accepted',
  I6: 'a cancelled play takes no answer, is not claimed and commits nothing',
  I7: 'a play has one end, the stored history says so, and everything committed is announced',
  I8: 'a wake-up starts at most one attempt, however often it is delivered',
  I9: 'a play runs its own version, and one version of each workflow that it invokes',
  I10: 'the history is numbered without gaps and doubles, and contains every log line that was not reported as dropped',
  I11: 'a waiting play has no process on this machine and occupies no slot',
  I12: 'an honest play ends while another play is locked, poisons its commits or floods its output',
  accepted: 'the registry accepts every generated flow',
  memory: 'every attempt of a durable play sees what is committed, and the output is what is committed',
  tries: 'each failed try is committed once; the last one is the outcome; there are never more than retries + 1',
  once: 'an at_most_once body starts once, unless somebody decided to run it again',
  waits: 'a question is recorded when it is asked, while a branch beside it works',
  prefix: 'outcomes are committed in the order of the flow, also in a pipelined play',
  clean: 'an attempt begins with an empty workdir and an empty /tmp, and beside no process of another one',
  cost: 'total_cost_usd is the sum over the bodies that really ran',
  fork: 'a fork runs nothing that it inherited, and sees the same',
  tree: 'no span is left open, and a live viewer sees the stored tree',
  slots: 'when everything has ended, every slot of every executor is free',
} as const;

export type CheckName = keyof typeof CHECKS;
export type Violation = `${CheckName} ${string}`;

export const checkOf = (violation: Violation): CheckName => violation.slice(0, violation.indexOf(' ')) as CheckName;
