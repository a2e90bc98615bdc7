"""The open questions of a play: when they are sent, and to which branches the answers go.

Rules:
 1. Questions are sent when the tree is at rest, all in one request.
 2. A suspended process leaves at once, with nothing unwound.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from ._errors import Refused
from ._exit import EXIT_SUSPENDED, garbage, leave
from ._session import Session
from ._waits import Question


class Questions:
    """What the branches of one play wait for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)  # nobody asks any more
        self._open: list[Question] = []
        self._asking = False

    def __bool__(self) -> bool:
        """Whether any question is open."""
        return bool(self._open)

    def ask(self, question: Question) -> None:
        """The question waits from now on; its `deliver` is called when it has an answer or an error."""
        with self._lock:
            self._open.append(question)
        if self._session.tree.wait(question.node):
            self.at_rest()

    def forget(self, question: Question) -> None:
        """The branch that asked was cancelled."""
        with self._lock:
            if question in self._open:
                self._open.remove(question)

    def at_rest(self) -> None:
        """Every open leaf waits. Where an event loop takes part, what is ready in it goes first."""
        with self._lock:
            loop = next((question.loop for question in self._open if question.loop is not None), None)
        if loop is None:
            self._send_questions()
        else:
            loop.call_soon_threadsafe(self._when_idle, loop, 3)

    def _when_idle(self, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
        if not self._session.tree.resting:
            return
        ready = getattr(loop, "_ready", None)
        if rounds and (ready is None or ready):
            loop.call_soon(self._when_idle, loop, rounds - 1 if ready is None else 3)
        else:
            self._send_questions()

    def send_stuck(self) -> None:
        """An event loop has nothing left to do but to wait for answers (`_tasks.watch`)."""
        self._send_questions(stuck=True)

    def _send_questions(self, stuck: bool = False) -> None:
        while True:
            with self._lock:
                if self._asking or not self._open or not (self._session.tree.resting or stuck):
                    return
                self._asking = True
            try:
                self._send_once()
            finally:
                self._asked()  # then look again: others may have come to rest meanwhile
            stuck = False

    def _send_once(self) -> None:
        with self._lock:
            asked = sorted(self._open, key=lambda question: question.node.path())
        for question in asked:
            question.node.span.end("paused")
        reply = self._pause([question.frame() for question in asked], replay=False)
        kind = reply.get("t")
        done: list[Question] = []
        if kind == "answers":
            by_place = {question.node.place: question for question in asked}
            for answer in reply.get("answers", ()):
                answered = by_place.get(answer.get("place"))
                if answered is not None:
                    answered.outcome = answer.get("kind", "answer"), answer["payload"]
                    done.append(answered)
        elif kind == "refused":
            asked[0].error = Refused(reply.get("code", ""), reply.get("message", ""))
            done.append(asked[0])
        if not done:
            garbage()
        with self._lock:
            for question in done:
                self._open.remove(question)
        self._session.tree.wake([question.node for question in done])
        for question in done:
            question.deliver()

    def _pause(self, questions: list[str], replay: bool) -> dict[str, Any]:
        self._session.before_leaving()
        self._session.commits.drain()
        emitted = self._session.telemetry.flush(1.0)
        body = (
            f'"questions":[{",".join(questions)}],"replay":{"true" if replay else "false"},'
            f'"emitted":{emitted},{self._session.told()}'
        )
        reply = self._session.lane.request("pause", body)
        if reply.get("t") == "suspended":
            leave(EXIT_SUSPENDED)
        return reply

    def replay_now(self) -> None:
        """Always-replay tests: a commit is done and no step body is open, so this attempt ends here."""
        with self._lock:
            if self._asking or self._session.bodies:
                return
            self._asking = True
        try:
            self._pause([], replay=True)
        finally:
            self._asked()

    def leave_for_replay(self) -> None:
        """A body that cannot be stopped must not run on: the process goes, and the play is replayed."""
        with self._changed:
            while self._asking:
                self._changed.wait()
            self._asking = True
        try:
            self._pause([], replay=True)
        finally:  # outside of the runtime nothing replays: the body goes on to its end
            self._asked()

    def _asked(self) -> None:
        with self._changed:
            self._asking = False
            self._changed.notify_all()
