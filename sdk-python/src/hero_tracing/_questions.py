"""The open questions of a play: when they are sent, and to which branches the answers go (docs/protocol.md, section 3).

Rules:
 1. A question is sent when it begins to wait: with `ask` while another branch of the play can continue, else with `pause`.
    A lone pause is one request.
 2. It is sent once in an attempt; `pause` considers everything that was asked. A question whose branch no longer waits is
    withdrawn with the next request.
 3. One `ask` or `pause` is under way at a time; questions that begin meanwhile go into the next one.
 4. No question is sent while a remembered item has not been handed out yet (`_turns`).
 5. Where event loops run, they ask when they are idle. Elsewhere `pause` is sent by the thread that brought the tree to rest,
    and `ask` by a thread of its own, a moment later: a fan-out that comes to rest meanwhile is one request.
 6. A suspended process exits immediately, with nothing unwound.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from functools import partial
from time import monotonic, sleep
from typing import TYPE_CHECKING

from ._errors import Refused
from ._exit import EXIT_SUSPENDED, garbage, leave
from ._session import Reply, Session
from ._waits import Question

if TYPE_CHECKING:
    from ._timeouts import Timeout
    from ._turns import LoopTurns

A_MOMENT = 0.01
BLOCKED_SECONDS = 0.05  # a loop that is busy for this long may be blocked by a thread that waits for an answer


class Questions:
    """The waits of the branches of one play."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._open: dict[str, Question] = {}  # by place
        self._new: list[Question] = []  # not sent yet
        self._withdrawn: list[str] = []
        self._timeouts: dict[Timeout, None] = {}  # running ones, in the order in which they began
        self._asking = False
        self._poked = False  # the executor may have answers
        self._wanted = False  # the asker thread must check what to send
        self._replies: list[tuple[Reply, list[Question]]] = []
        self._asker: threading.Thread | None = None

    def __bool__(self) -> bool:
        """Whether a question is open, or a withdrawal has not been sent yet."""
        return bool(self._open or self._withdrawn)

    # --- branches -----------------------------------------------------------------------------------------------------

    def ask(self, question: Question) -> None:
        """Adds a question, which waits from now on and is delivered when it has an answer or an error."""
        with self._lock:
            self._open[question.node.place] = question
            self._new.append(question)
        if self._session.tree.wait(question.node):
            self.at_rest()
        else:
            self._look(question.loop is None)

    def forget(self, question: Question) -> None:
        """Removes a question whose branch was cancelled."""
        with self._lock:
            if self._open.pop(question.node.place, None) is None:
                return
            if question in self._new:
                self._new.remove(question)
            else:
                self._withdrawn.append(question.node.place)

    def at_rest(self) -> None:
        """Called when every open leaf waits. If an event loop takes part, its ready callbacks run first."""
        if self._session.turns.running():
            self._look(True)
        else:
            self._pause_at_rest()

    def woken(self) -> None:
        """Called when the executor reports an answer; the lane's lock is held."""
        self._poked = True
        self._look(True)

    def _look(self, asker: bool) -> None:
        """Wakes the event loops, and with `asker` the asker thread, so that they check what to send."""
        for turns in self._session.turns.running():
            turns.poke()
        if asker:
            with self._changed:
                self._wanted = True
                if self._asker is None:
                    self._asker = threading.Thread(target=self._run, name="hero-asks", daemon=True)
                    self._asker.start()
                self._changed.notify_all()

    # --- timeouts of asyncio ------------------------------------------------------------------------------------------

    def timeout_began(self, timeout: Timeout) -> None:
        self._timeouts[timeout] = None

    def timeout_ended(self, timeout: Timeout) -> None:
        self._timeouts.pop(timeout, None)

    def timeout_is_due(self, timeout: Timeout) -> None:
        """Called in the loop of the timeout: the timeout is recorded and taken before it fires."""
        self._record([timeout])
        self._poked = True

    def _record(self, timeouts: Iterable[Timeout]) -> None:
        for timeout in timeouts:
            question = timeout.question()
            if question is not None:
                with self._lock:
                    self._open[question.node.place] = question
                    self._new.append(question)

    # --- asking -------------------------------------------------------------------------------------------------------

    def idle(self, turns: LoopTurns) -> float | None:
        """Called when an event loop is idle. Returns the seconds until it must check again."""
        if self._asking or not self:
            return None
        session = self._session
        waits = any(question.role != "timeout" for question in self._open.values())
        if waits and (session.tree.resting or (not session.commits.busy and session.turns.stuck())):
            if self._begin():
                self._pause()
            return 0.0
        if self._has_news() and self._begin():
            self._ask(turns)
            return None
        return self._next_due()

    def _pause_at_rest(self) -> None:
        while self._open and self._session.tree.resting and self._begin():
            self._pause()

    def _run(self) -> None:
        """The asker thread: asks for threads, and takes the replies."""
        while True:
            with self._changed:
                while not (self._wanted or self._replies):
                    due = self._next_due() if self._open else None
                    self._changed.wait(due)
                    if due is not None:
                        break
                self._wanted = False
                replies, self._replies = self._replies, []
            for reply, asked in replies:
                self._answered(reply, asked)
            if self._new or not replies:
                sleep(A_MOMENT)
            self._ask_for_threads()

    def _ask_for_threads(self) -> None:
        session = self._session
        running = session.turns.running()
        if running:
            sleep(BLOCKED_SECONDS)
            if any(turns.idle for turns in running) or session.memory.first() is not None:
                return
        if session.tree.resting:
            self._pause_at_rest()
        elif self._has_news() and self._begin():
            self._ask(None)

    def _has_news(self) -> bool:
        if self._new or self._withdrawn or self._poked:
            return True
        due = self._next_due()
        return due is not None and due <= 0

    def _next_due(self) -> float | None:
        """Estimated seconds until a timer is due at the registry."""
        looks = [question.looks_at for question in list(self._open.values()) if question.looks_at is not None]
        return max(0.0, min(looks) - monotonic()) if looks else None

    def _begin(self) -> bool:
        with self._lock:
            if self._asking:
                return False
            self._asking = True
            return True

    def _body(self) -> tuple[str, list[Question]]:
        """The new questions for a frame; `_asking` is held."""
        self._record(list(self._timeouts))
        with self._lock:
            new, self._new = self._new, []
            withdrawn, self._withdrawn = self._withdrawn, []
            self._poked = False
            now = monotonic()
            for question in self._open.values():
                question.asked(now)
        new.sort(key=lambda question: question.node.path())
        for question in new:
            if question.role != "timeout":
                question.node.span.end("paused")
        frames = ",".join(question.frame() for question in new)
        return f'"questions":[{frames}],"withdrawn":{json.dumps(withdrawn)}', new

    def _ask(self, turns: LoopTurns | None) -> None:
        session = self._session
        new: list[Question] = []
        loop = None if turns is None else turns.loop

        def arrived(reply: Reply) -> None:
            if turns is not None and turns.loop.is_running():
                turns.arrived(partial(self._answered, reply, new))
                return
            with self._changed:
                self._replies.append((reply, new))
                self._changed.notify_all()

        try:
            body, new = self._body()
            session.lane.listen(loop, self.woken)
            session.lane.send("ask", f"{body},{session.told()}", arrived)
        except BaseException:
            with self._lock:
                # Nobody has them: those that still wait go into the next request.
                self._new[:0] = [question for question in new if question.node.place in self._open]
            self._asked()
            raise

    def _pause(self) -> None:
        """Sends `pause`, because every branch waits; the process may have to exit."""
        new: list[Question] = []
        try:
            body, new = self._body()
            reply = self._send_pause(body, replay=False)
        except BaseException:
            self._asked()
            raise
        if not self._take(reply, new):
            garbage()

    def _send_pause(self, body: str, replay: bool) -> Reply:
        session = self._session
        session.before_leaving()
        session.commits.drain()
        emitted = session.telemetry.flush(1.0)
        reply = session.lane.request(
            "pause", f'{body},"replay":{"true" if replay else "false"},"emitted":{emitted},{session.told()}'
        )
        if reply.get("t") == "suspended":
            leave(EXIT_SUSPENDED)
        return reply

    # --- answers ------------------------------------------------------------------------------------------------------

    def _answered(self, reply: Reply, asked: list[Question]) -> bool:
        """Handles the reply of an `ask` in its turn; the answers get turns of their own."""
        self._take(reply, asked)
        if not self._session.turns.running():
            self._pause_at_rest()
        return False

    def _take(self, reply: Reply, asked: list[Question]) -> bool:
        done: list[Question] = []
        refused = Refused(reply.get("code", ""), reply.get("message", "")) if reply.get("t") == "refused" else None
        with self._changed:
            for answer in reply.get("answers", ()):
                question = self._open.pop(answer["place"], None)
                if question is None:
                    continue
                if (kind := answer.get("kind", "answer")) == "refused":
                    told = json.loads(answer["payload"])
                    question.error = Refused(told.get("code", ""), told.get("message", ""))
                else:
                    question.outcome = kind, answer["payload"]
                done.append(question)
            for question in asked if refused is not None else ():
                question.error = refused
                if self._open.pop(question.node.place, None) is not None:
                    done.append(question)
            self._poked = self._poked or bool(reply.get("more"))
            self._asking = False
            self._changed.notify_all()
        self._session.tree.wake([question.node for question in done])
        for question in reversed(done):
            question.deliver()
        return bool(done)

    # --- leaving ------------------------------------------------------------------------------------------------------

    def replay_now(self) -> None:
        """For always-replay tests: ends this attempt, because a commit is done and no step body is open."""
        if not self._session.bodies and self._begin():
            self._leave()

    def leave_for_replay(self) -> None:
        """Ends the process because of a body that cannot be stopped; the play is then replayed."""
        with self._changed:
            while self._asking:
                self._changed.wait()
            self._asking = True
        self._leave()

    def _leave(self) -> None:
        try:
            self._send_pause('"questions":[],"withdrawn":[]', replay=True)
        finally:  # outside the runtime there is no replay: the body runs to its end
            self._asked()

    def _asked(self) -> None:
        with self._changed:
            self._asking = False
            self._changed.notify_all()
