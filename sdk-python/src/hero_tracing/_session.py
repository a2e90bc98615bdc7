"""One running play, in the runtime or outside of it: identity, memory and lanes.

Rules:
 1. A step's outcome is committed before the step returns to user code (I3).
 2. What is remembered is read from `memory` only; nothing is ever put into it while the play runs.
 3. In a pipelined play nothing leaves the play before all that was sent is committed (`drain`).
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

from . import _events, _places
from ._canonical import load
from ._errors import NoContext, NotAwaited
from ._memory import Memory
from ._pipeline import Pipeline
from ._questions import Questions
from ._remember import happened_in, rebuild
from ._source import Functions
from ._spans import Span
from ._tree import Node, Tree

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
        self.questions = Questions(self)
        self.bodies = 0
        self.cost = 0.0
        self.last_output: str | None = None
        self.missing_await: str | None = None
        self.root = self._root()

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
        """Waits until all that was sent is committed (rule 3)."""
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
