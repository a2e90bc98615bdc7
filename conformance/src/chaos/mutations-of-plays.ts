/** Faults in the life of a play: wake-ups, claims, takeovers, ends, versions, slots and neighbours. */
import type { Patch } from './build-copy.js';
import type { Mutation } from './mutation.js';

/** The end of a play leaves its questions open, so that only what takes an answer keeps I6. */
const QUESTIONS_STAY_OPEN: Patch = {
  package: 'registry',
  find: "r.resumed_at IS NULL AND r.kind <> 'child' ), `",
  replace: "r.resumed_at IS NULL AND r.kind = 'none' ), `",
};

export const OF_PLAYS: readonly Mutation[] = [
  {
    name: 'an answer that comes while the process leaves is forgotten',
    check: 'I1',
    patches: [{ package: 'registry', find: "held.wake ? 'pending' : 'awaiting_resume'", replace: "'awaiting_resume'" }],
  },
  {
    name: 'the end of a child wakes nobody',
    check: 'I1',
    only: ['spawn', 'mark'],
    patches: [
      { package: 'registry', find: 'if (given === undefined || isFinal(parent.status))', replace: 'if (given !== "")' },
    ],
  },
  {
    name: 'a timer that ends while its play is not waiting is forgotten',
    check: 'I1',
    only: ['map', 'timeout', 'sleep'],
    patches: [
      {
        package: 'registry',
        find: 'play.status IN (${ACTIVE}) AS waits',
        replace: "play.status = 'awaiting_resume' AS waits",
      },
    ],
  },
  {
    name: 'a play is taken over in its first attempt only',
    check: 'I1',
    faults: ['executor killed'],
    patches: [
      {
        package: 'registry',
        find: 'WHERE coalesce(e.renewals, -1) = s.renewals AND',
        replace: 'WHERE p.attempt < 2 AND coalesce(e.renewals, -1) = s.renewals AND',
      },
    ],
  },
  {
    name: 'wake-ups are lost, and nobody looks for them',
    check: 'I1',
    patches: [
      { package: 'registry', find: 'if (run_seq !== null)', replace: 'if (run_seq !== null && run_seq % 3 !== 0)' },
      { package: 'registry', find: 'lost.map((play) => this.relay.wakeAgain(play))', replace: '[/* none */]' },
    ],
  },
  {
    name: 'a claim does not fence the one before it',
    check: 'I2',
    only: ['slow'],
    seconds: 20,
    faults: ['executor stopped for long'],
    patches: [
      // Plays that outlive their lease are killed, twice over. That must not be what keeps I2: the lease is no guard.
      { package: 'sdk', find: 'time.monotonic() > self.deadline', replace: '(lambda: False)()' },
      { package: 'executor', find: '(gone) => plays.gone(gone)', replace: '(gone) => void gone' },
      {
        package: 'registry',
        find: "l.epoch <> g.epoch OR l.owner <> g.owner OR l.status <> 'running'",
        replace: '1 = 0',
      },
      { package: 'registry', find: 'NOT l.suspended AND g.group_no = l.group_no + 1', replace: '1 = 1' },
      {
        package: 'registry',
        find: "epoch = :epoch AND owner = :owner AND status = 'running' AND NOT suspended AND group_no = :group_no - 1",
        replace: '1 = 1',
      },
      { package: 'registry', find: 'g.group_no = l.group_no THEN', replace: '1 = 0 THEN' },
    ],
  },
  {
    name: 'a cancelled play takes the answer to a question that was open',
    check: 'I6',
    only: ['pause', 'pause', 'mark', 'webhook'],
    cancelled: 0.6,
    slowAnswers: 1,
    patches: [
      QUESTIONS_STAY_OPEN,
      {
        package: 'registry',
        find: "if (isFinal(play.status)) { throw new HeroError('INVALID_STATE', `Play ${play_sid} is ${play.status}: it no longer waits",
        replace:
          "if (play.status === 'success') { throw new HeroError('INVALID_STATE', `Play ${play_sid} is ${play.status}: it no longer waits",
      },
    ],
  },
  {
    name: 'a timer answers a play that was cancelled',
    check: 'I6',
    only: ['timeout', 'timeout', 'sleep', 'mark'],
    cancelled: 0.6,
    slowAnswers: 1,
    patches: [
      QUESTIONS_STAY_OPEN,
      { package: 'registry', find: 'play.status IN (${ACTIVE}) AS waits', replace: '1 = 1 AS waits' },
    ],
  },
  {
    name: 'a cancel that comes late ends a play for the second time',
    check: 'I7',
    only: ['mark', 'flaky'],
    cancelled: 0.7,
    patches: [
      { package: 'contracts', find: 'success: [],', replace: "success: ['cancelled']," },
      {
        package: 'registry',
        find: "WHEN (OLD.status IN ('success', 'failed', 'cancelled', 'timed_out') AND",
        replace: "WHEN (OLD.status = 'cancelled' AND",
      },
      {
        package: 'registry',
        find: "if (isFinal(play.status)) throw wrongState(play, 'It can no longer be cancelled');",
        replace: "if (play.status === 'cancelled') throw wrongState(play, 'It can no longer be cancelled');",
      },
    ],
  },
  {
    name: 'a wake-up that is delivered again claims a running play',
    check: 'I8',
    faults: ['wake-ups doubled'],
    patches: [
      {
        package: 'registry',
        find: "WHERE sid = $1 AND status = 'pending' AND run_seq = $2",
        replace: "WHERE sid = $1 AND status IN ('pending', 'running') AND run_seq = $2",
      },
    ],
  },
  {
    name: 'a play runs the current version instead of its own',
    check: 'I9',
    patches: [
      {
        package: 'registry',
        find: 'this.versions.get(claimed.version_sid)',
        replace: 'this.versions.pin({ workflow_sid: claimed.workflow_sid })',
      },
    ],
  },
  {
    name: 'each invoke of a workflow resolves its version anew',
    check: 'I9',
    only: ['invoke', 'invoke', 'pause'],
    patches: [
      {
        package: 'sdk',
        find: 'item = session.memory.find(place)\n    if item is not None:\n        remembered: dict[str, Any]',
        replace:
          'item = session.memory.find(place)\n    if item is not None and len(name) < 2:\n        remembered: dict[str, Any]',
      },
    ],
  },
  {
    name: 'events are acknowledged before they are stored',
    check: 'I10',
    only: ['mark', 'flaky', 'map'],
    faults: ['span-ingest killed'],
    every: 500,
    patches: [
      {
        package: 'span-ingest',
        find: 'this.held.add(message);',
        replace: 'this.held.add(message); message.ack();',
      },
    ],
  },
  {
    name: 'what a play started outlives its attempt',
    check: 'I11',
    only: ['background', 'pause', 'mark'],
    patches: [
      {
        package: 'sdk',
        find: '_tell(orders, t="ending")\n _end_the_rest()',
        replace: 'pass',
      },
    ],
  },
  {
    name: 'a slot keeps something of the play before',
    check: 'clean',
    only: ['mark', 'pause'],
    patches: [
      // One /tmp for all plays of a slot, in place of one for each.
      {
        package: 'sdk',
        find: 'return _common_rules(jail) if level != "off" and kernel.LINUX else None',
        replace:
          'rules = _common_rules(jail) if level != "off" and kernel.LINUX else None; own_mounts(jail) and kernel.mount("tmp", "/tmp", "tmpfs", 6, _TMP); return rules',
      },
      { package: 'sdk', find: 'kernel.mount("tmp", "/tmp", "tmpfs", careful, _TMP)', replace: 'pass' },
    ],
  },
  {
    name: 'one commit that the database refuses takes its neighbours along',
    check: 'I12',
    only: ['mark', 'map'],
    patches: [
      {
        package: 'registry',
        find: 'if (groups.length === 1) return [{ refused:',
        replace:
          'if (groups.length > 0) return groups.map(() => ({ refused: String(error) })); if (false) return [{ refused:',
      },
    ],
  },
  {
    name: 'a commit waits for the lock of another play',
    check: 'I12',
    only: ['mark', 'map'],
    patches: [
      {
        package: 'registry',
        find: 'ORDER BY sid FOR NO KEY UPDATE SKIP LOCKED\n  ), judged',
        replace: 'ORDER BY sid FOR NO KEY UPDATE\n  ), judged',
      },
    ],
  },
  {
    name: 'a lingering play that is cancelled comes back for its slot',
    check: 'slots',
    only: ['spawn', 'mark'],
    cancelled: 0.8,
    slots: 2,
    patches: [
      {
        package: 'executor',
        find: 'if (this.of.stateOf(this) === undefined) return;',
        replace: "if (this.of.stateOf(this) !== 'working') return;",
      },
    ],
  },
];
