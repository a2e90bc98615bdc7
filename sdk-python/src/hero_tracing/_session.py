"""One running play, in the runtime or outside of it: identity, memory, lanes, open questions.

Rules:
 1. A step's outcome is committed before the step returns to user code (I3).
 2. Questions are sent when the tree is at rest, all in one request; a suspended process leaves at once, with nothing
    unwound.
 3. What is remembered is read from `memory` only; nothing is ever put into it while the play runs.
 4. In a pipelined play nothing leaves the play before all that was sent is committed (`drain`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn, Protocol

from . import _events, _places
from ._canonical import load
from ._errors import NoContext, NotAwaited, Refused
from ._memory import Memory
from ._pipeline import Pipeline
from ._remember import happened_in, rebuild
from ._source import Functions
from ._spans import Span
from ._tree import Node, Tree
from ._waits import Question

EXIT_SUSPENDED = 75
DONE = {"t": "done"}
ALWAYS_REPLAYS = 200


class Lane(Protocol):
    """Who commits: the executor over the control lane, or nobody (outside the runtime)."""

    def request(self, kind: str, body: str) -> dict[str, Any]: ...
    def post(self, kind: str, body: str, replied: Callable[[dict[str, Any]], None]) -> None: ...
    async def request_async(self, kind: str, body: str) -> dict[str, Any]: ...
    def detach(self) -> None: ...


class EventLane(Protocol):
    """Where events go: to the executor, or to the terminal."""

    def emit(self, line: str, soft: bool = False) -> None: ...
    def flush(self, seconds: float = ...) -> int: ...
    def detach(self) -> None: ...


class Session:
    """Everything that the steps of one play share."""

    def __init__(
        self,
        lane: Lane,
        telemetry: EventLane,
        *,
        play_sid: str,
        version_sid: str,
        attempt: int = 1,
        always_replay: bool = False,
        memory: Memory | None = None,
        pipelined: bool = False,
        parent_span_id: str | None = None,
        spawns: bool = True,
        file: str | None = None,
        functions: Functions | None = None,
    ) -> None:
        self.lane = lane
        self.telemetry = telemetry
        self.play_sid = play_sid
        self.version_sid = version_sid
        self.spawns = spawns  # outside of the runtime a child runs in the caller's process
        self.parent_span_id = parent_span_id  # of the caller, in another play
        self.first = attempt == 1
        self.always_replay = always_replay and attempt <= ALWAYS_REPLAYS
        self.memory = memory or Memory()
        self.pipeline: Pipeline | None = None
        if pipelined:
            self.pipeline = Pipeline(self)
        self.sources: dict[str, Functions] = {} if file is None else {file: functions or {}}
        self.file = file
        self.workflows: dict[tuple[str, str], object] = {}  # invoked ones, by name and version as given (`_workflow`)
        self.modules: dict[str, ModuleType] = {}  # theirs, by version
        self.loading = threading.Lock()
        self.tree = Tree()
        self.lock = threading.Lock()
        self.asked = threading.Condition(self.lock)  # nobody asks any more
        self.questions: list[Question] = []
        self.asking = False
        self.bodies = 0
        self.cost = 0.0
        self.last_output: str | None = None
        self.missing_await: str | None = None
        self.root = self._root()
        self.before_leaving: Callable[[], None] = lambda: None

    def _root(self) -> Node:
        span = Span(self, _places.span_id(self.play_sid, _places.ROOT_PLACE), "")
        return Node(self, None, span, _places.ROOT_PLACE, False)

    # --- identities ---------------------------------------------------------------------------------------------------

    def step_key(self, place: str) -> str:
        return _places.step_key(self.version_sid, place)

    def function_of(self, fn: Callable[..., Any]) -> tuple[str | None, int | None, str]:
        """File, line and hash of a function as written; no file for what is not in the play's own source."""
        code = getattr(fn, "__code__", None)
        functions = self.sources.get(code.co_filename) if code is not None else None
        if code is None or functions is None:
            return None, None, ""
        line, sha256 = functions.get(code.co_firstlineno, (code.co_firstlineno, ""))
        # An invoked workflow keeps its version in a fork: its functions do not change with the play's source.
        return code.co_filename, line, sha256 if code.co_filename == self.file else ""

    def caller(self) -> tuple[str | None, int | None]:
        """File and line of the play's own source that this call comes from."""
        frame = sys._getframe(1)
        for _ in range(12):
            if frame.f_code.co_filename in self.sources:
                return frame.f_code.co_filename, frame.f_lineno
            if frame.f_back is None:
                break
            frame = frame.f_back
        return None, None

    def replayed(
        self,
        parent: Node,
        span_id: str,
        name: str,
        place: str,
        kind: str = "other",
        *,
        output: str | None = None,
        error: dict[str, str] | None = None,
    ) -> None:
        """Shows what is not run because it is remembered. A first attempt that remembers is a fork: nobody saw the span yet."""
        if self.first:
            line = _events.span_started(span_id, parent.span.id, name, kind, place, "{}", None, None)
            self.telemetry.emit(line, True)
        self.telemetry.emit(_events.span_replayed(span_id, output=output, error=error), True)

    # --- cost ---------------------------------------------------------------------------------------------------------

    def add_cost(self, usd: float) -> None:
        with self.lock:
            self.cost += usd

    def take_cost(self) -> float:
        if not self.cost:
            return 0
        with self.lock:
            cost, self.cost = self.cost, 0.0
        return cost

    # --- pauses -------------------------------------------------------------------------------------------------------

    def ask(self, question: Question) -> None:
        """The question waits from now on; its `deliver` is called when it has an answer or an error."""
        with self.lock:
            self.questions.append(question)
        if self.tree.wait(question.node):
            self.at_rest()

    def forget(self, question: Question) -> None:
        """The branch that asked was cancelled."""
        with self.lock:
            if question in self.questions:
                self.questions.remove(question)

    def at_rest(self) -> None:
        """Every open leaf waits. Where an event loop takes part, what is ready in it goes first."""
        with self.lock:
            loop = next((question.loop for question in self.questions if question.loop is not None), None)
        if loop is None:
            self._send_questions()
        else:
            loop.call_soon_threadsafe(self._when_idle, loop, 3)

    def _when_idle(self, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
        if not self.tree.resting:
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
            with self.lock:
                if self.asking or not self.questions or not (self.tree.resting or stuck):
                    return
                self.asking = True
            try:
                self._send_once()
            finally:
                self._asked()  # then look again: others may have come to rest meanwhile
            stuck = False

    def _send_once(self) -> None:
        with self.lock:
            asked = sorted(self.questions, key=lambda question: question.node.path())
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
            from ._control import garbage

            garbage()
        with self.lock:
            for question in done:
                self.questions.remove(question)
        self.tree.wake([question.node for question in done])
        for question in done:
            question.deliver()

    def _pause(self, questions: list[str], replay: bool) -> dict[str, Any]:
        self.before_leaving()
        self.drain()
        emitted = self.telemetry.flush(1.0)
        body = (
            f'"questions":[{",".join(questions)}],"replay":{"true" if replay else "false"},'
            f'"cost_usd":{self.take_cost()!r},"emitted":{emitted}{self.memory.take_difference()}'
        )
        reply = self.lane.request("pause", body)
        if reply.get("t") == "suspended":
            leave(EXIT_SUSPENDED)
        return reply

    def replay_now(self) -> None:
        """Always-replay tests: a commit is done and no step body is open, so this attempt ends here."""
        with self.lock:
            if self.asking or self.bodies:
                return
            self.asking = True
        try:
            self._pause([], replay=True)
        finally:
            self._asked()

    def leave_for_replay(self) -> None:
        """A body that cannot be stopped must not run on: the process goes, and the play is replayed."""
        with self.asked:
            while self.asking:
                self.asked.wait()
            self.asking = True
        try:
            self._pause([], replay=True)
        finally:  # outside of the runtime nothing replays: the body goes on to its end
            self._asked()

    def _asked(self) -> None:
        with self.asked:
            self.asking = False
            self.asked.notify_all()

    # --- commits ----------------------------------------------------------------------------------------------------------

    def frame(self, step: str) -> str:
        """What a `commit` frame of one step says."""
        return f'"steps":[{step}],"cost_usd":{self.take_cost()!r}{self.memory.take_difference()}'

    def commit(self, step: str, now: bool = False) -> dict[str, Any]:
        """Commits one step and returns the reply; in a pipelined play it only goes on its way, unless `now`."""
        if self.pipeline is not None:
            if not now:
                self.pipeline.add(step)
                return DONE
            self.pipeline.drain()
        return self.lane.request("commit", self.frame(step))

    async def commit_async(self, step: str, now: bool = False) -> dict[str, Any]:
        if self.pipeline is not None:
            if not now:
                self.pipeline.add(step)
                return DONE
            await self.drain_async()
        return await self.lane.request_async("commit", self.frame(step))

    def drain(self) -> None:
        """Waits until all that was sent is committed (rule 4)."""
        if self.pipeline is not None:
            self.pipeline.drain()

    async def drain_async(self) -> None:
        if self.pipeline is not None:
            await self.pipeline.drain_async()

    # --- what is remembered -------------------------------------------------------------------------------------------

    def recall(self, kind: str, text: str, span_id: str) -> Any:
        """The remembered value, or the remembered error raised."""
        if kind == "error":
            error = rebuild(text)
            happened_in(error, span_id)
            raise error
        if kind == "value":
            return load(text)
        return json.loads(text)

    def check_awaited(self) -> None:
        if self.missing_await is not None:
            message, self.missing_await = self.missing_await, None
            raise NotAwaited(message)

    def detach(self) -> None:
        self.lane.detach()
        self.telemetry.detach()


_active: Session | None = None


def active() -> Session | None:
    """The play that this process runs now."""
    return _active


def activate(session: Session | None) -> None:
    global _active
    _active = session


def leave(code: int) -> NoReturn:
    """Ends the process with nothing unwound: no `except`, no `finally`, no `atexit` sees it."""
    os._exit(code)


def _after_fork() -> None:
    if _active is not None:
        _active.detach()


os.register_at_fork(after_in_child=_after_fork)


def no_context(what: str) -> NoContext:
    return NoContext(
        f"{what} was called from a thread that does not know its step. Start the thread with the context of the step: "
        "threading.Thread(target=contextvars.copy_context().run, args=(fn, …)), or "
        "executor.submit(contextvars.copy_context().run, fn, …); flow.map does it by itself."
    )
