/** Faults in what a play remembers: outcomes, tries, keys, answers, order, cost and forks. */
import type { Mutation } from './mutation.js';

export const OF_STEPS: readonly Mutation[] = [
  {
    name: 'errors are committed, and not remembered',
    check: 'I3',
    only: ['broken', 'pause', 'patient'],
    patches: [
      {
        package: 'registry',
        find: 'FROM steps WHERE play_sid = $1 ), done AS',
        replace: "FROM steps WHERE play_sid = $1 AND kind <> 'error' ), done AS",
      },
    ],
  },
  {
    name: 'a page of memory is left out',
    check: 'I3',
    patches: [
      { package: 'registry', find: 'const PAGE_ITEMS = 4000;', replace: 'const PAGE_ITEMS = 3;' },
      {
        package: 'registry',
        find: 'next: last ? null : String(number + 1)',
        replace: 'next: last ? null : String(number + 1 + (number % 2))',
      },
    ],
  },
  {
    name: 'a try whose error is remembered runs again',
    check: 'I3',
    only: ['patient', 'patient', 'pause'],
    patches: [
      {
        package: 'sdk',
        find: 'if not attempt.call.declaration.memo or not session.memory.has_outcome(node.place):',
        replace:
          'if not attempt.call.declaration.memo or attempt.number < 2 or not session.memory.has_outcome(node.place):',
      },
    ],
  },
  {
    name: 'a commit is answered without being written when it is not the first of its attempt',
    check: 'memory',
    patches: [
      {
        package: 'registry',
        find: "JOIN judged j ON j.g = s.g\n    WHERE j.verdict = 'apply'",
        replace:
          "JOIN judged j ON j.g = s.g\n    WHERE j.verdict = 'apply' AND (j.group_no = 1 OR j.group_no % 4 <> 0)",
      },
      {
        package: 'registry',
        find: ':parent_place::text, :epoch::int, :group_no::int, 0\n    FROM play',
        replace:
          ':parent_place::text, :epoch::int, :group_no::int, 0\n    FROM play WHERE :group_no = 1 OR :group_no % 4 <> 0',
      },
    ],
  },
  {
    name: 'memory is read by its keys instead of the order of commits',
    check: 'memory',
    onlyAsync: ['queue', 'completed', 'wait', 'pause'],
    patches: [
      {
        package: 'registry',
        find: 'WINDOW w AS (ORDER BY epoch, group_no, ordinal, key ROWS',
        replace: 'WINDOW w AS (ORDER BY key ROWS',
      },
    ],
  },
  {
    name: 'a question is recorded only when everything rests',
    check: 'waits',
    onlyAsync: ['beside', 'mark'],
    patches: [
      {
        package: 'sdk',
        find: 'if self._has_news() and self._begin():\n            self._ask(turns)',
        replace: 'if self._has_news() and session.tree.resting and self._begin():\n            self._ask(turns)',
      },
    ],
  },
  {
    name: 'a retry forgets values, too',
    check: 'memory',
    only: ['gate', 'mark', 'mark', 'value'],
    patches: [
      {
        package: 'registry',
        find: "DELETE FROM steps WHERE play_sid = $1 AND kind = 'error' AND span_id = ANY($2)",
        replace: "DELETE FROM steps WHERE play_sid = $1 AND (kind = 'value' OR span_id = ANY($2))",
      },
    ],
  },
  {
    name: 'a pipelined play leaves before its steps are committed',
    check: 'memory',
    pipelined: 1,
    only: ['mark', 'map'],
    patches: [{ package: 'sdk', find: 'while self._steps:', replace: 'while self._steps > 9:' }],
  },
  {
    name: 'the key of a step is another one in later attempts',
    check: 'I4',
    patches: [
      {
        package: 'sdk',
        find: 'return idempotency_key(call.session.play_sid, call.key)',
        replace: 'return idempotency_key(call.session.play_sid, call.key + ("" if call.session.first else "+"))',
      },
    ],
  },
  {
    name: 'a question takes a second answer',
    check: 'I5',
    only: ['pause', 'mark', 'map'],
    patches: [
      {
        package: 'registry',
        find: 'if (question && question.resumed_at !== null) throw alreadyResumed(question.name, question.resumed_at); if (isFinal',
        replace: 'if (isFinal',
      },
      {
        package: 'registry',
        find: 'WHERE id = $1 AND r.resumed_at IS NULL RETURNING',
        replace: 'WHERE id = $1 AND 1 = 1 RETURNING',
      },
    ],
  },
  {
    name: 'a timer that ends replaces the answer that was given',
    check: 'I5',
    only: ['timeout', 'timeout', 'sleep', 'pause'],
    patches: [
      {
        package: 'registry',
        find: 'resumed_at = now(), due_at = NULL WHERE id = $1 AND r.resumed_at IS NULL RETURNING',
        replace:
          "resumed_at = now(), due_at = CASE WHEN $4 = 'timeout' THEN NULL ELSE r.due_at END WHERE id = $1 AND (r.resumed_at IS NULL OR $4 = 'timeout') RETURNING",
      },
    ],
  },
  {
    name: 'an at_most_once step begins without being recorded',
    check: 'once',
    only: ['once'],
    patches: [
      {
        package: 'sdk',
        find: 'if call.declaration.at_most_once and',
        replace: 'if call.session.first and call.declaration.at_most_once and',
      },
    ],
  },
  {
    name: 'a failed try is not committed',
    check: 'tries',
    only: ['flaky', 'patient'],
    patches: [
      {
        package: 'sdk',
        find: 'if declaration.memo and not attempt.committed:',
        replace: 'if declaration.memo and not attempt.committed and number > 1:',
      },
    ],
  },
  {
    name: 'a pipelined play commits what is newest first',
    check: 'prefix',
    pipelined: 1,
    only: ['mark', 'flaky'],
    patches: [
      {
        package: 'sdk',
        find: 'group, self._waiting = self._waiting, []',
        replace: 'group, self._waiting = self._waiting[::-1], []',
      },
    ],
  },
  {
    name: 'the cost of a child is not its parent’s',
    check: 'cost',
    only: ['spawn', 'mark'],
    patches: [{ package: 'registry', find: 'if (more === 0) return;', replace: 'if (more >= 0) return;' }],
  },
  {
    name: 'a fork leaves the answers behind',
    check: 'fork',
    only: ['pause', 'mark', 'value'],
    forked: 0.8,
    patches: [
      {
        package: 'registry',
        find: "kept('answers', (place) => resumeIdOf(sid, place));",
        replace: "kept('answers', (place) => resumeIdOf(sid, place)).slice(1);",
      },
    ],
  },
  {
    name: 'spans that are open at the end of a play stay open',
    check: 'tree',
    faults: ['executor killed'],
    cancelled: 0.5,
    patches: [
      {
        package: 'spans',
        find: 'close(span, this.endOf(span, final), at);',
        replace: "if (final !== 'cancelled') close(span, this.endOf(span, final), at);",
      },
    ],
  },
];
