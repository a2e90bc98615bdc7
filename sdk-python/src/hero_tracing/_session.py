"""The context that the steps of one play share. It is deliberately narrow, because everything that runs depends on it.

Identity, sources, memory and cost are here. Events, commits and questions are interfaces; the creator of the session (`_root`)
passes their implementations.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from . import _identity
from ._errors import NotAwaited
from ._links import Links
from ._memory import Memory
from ._source import Functions, Sources
from ._suspension import Tree
from ._thread_turns import ThreadTurns

ALWAYS_REPLAYS = 200
Reply = dict[str, Any]


class Lane(Protocol):
    """Requests to the executor over the control lane, or to its replacement outside the runtime."""

    def request(self, kind: str, body: str, arrived: Callable[[Reply], None] | None = None) -> Reply: ...
    def post(self, kind: str, body: str, replied: Callable[[Reply], None]) -> None: ...
    async def request_async(self, kind: str, body: str) -> Reply: ...
    def send(self, kind: str, body: str, arrived: Callable[[Reply], None]) -> None: ...
    def listen(self, loop: Any, woken: Callable[[], None]) -> None: ...
    def detach(self) -> None: ...


class EventLane(Protocol):
    """The receiver of events: the executor, or the terminal."""

    def emit(self, line: str, soft: bool = False) -> None: ...
    def flush(self, seconds: float = ...) -> int: ...
    def detach(self) -> None: ...


class Commits(Protocol):
    """How outcomes are committed: each before its step returns, or pipelined."""

    @property
    def busy(self) -> bool:
        """Whether outcomes are being committed that no step awaits."""
        ...

    def commit(self, step: str, now: bool = False) -> Reply:
        """Commits one step (`step_json`). `now`: it is committed when this returns, also in a pipelined play."""
        ...

    async def commit_async(self, step: str, now: bool = False) -> Reply: ...

    def post(self, step: str, replied: Callable[[Reply], None]) -> None:
        """The same for a caller that does not wait: `replied` is called with the reply, perhaps in another thread."""
        ...

    def drain(self) -> None:
        """Returns when everything that was sent is committed: nothing leaves a play before that."""
        ...

    async def drain_async(self) -> None: ...


class Questions(Protocol):
    """The open questions of the play (`_questions`)."""

    def __bool__(self) -> bool: ...
    def ask(self, question: Any) -> None: ...
    def idle(self, turns: Any) -> float | None: ...
    def timeout_began(self, timeout: Any) -> None: ...
    def timeout_ended(self, timeout: Any) -> None: ...
    def timeout_is_due(self, timeout: Any) -> None: ...
    def forget(self, question: Any) -> None: ...
    def at_rest(self) -> None: ...
    def replay_now(self) -> None: ...
    def leave_for_replay(self) -> None: ...


class Turns(Protocol):
    """The event loops of the play and their turns (`_turns`)."""

    works: Any
    jobs: int
    patience: float
    sleep_patience: float
    threads: ThreadTurns

    def waited(self, seconds: float, sleeps: bool) -> None: ...
    def here(self) -> Any: ...
    def running(self) -> Any: ...
    def joined(self, task: Any) -> None: ...
    def stuck(self) -> bool: ...
    def is_next(self, place: str) -> bool: ...
    async def turn(self, place: str) -> None: ...
    def turn_in_thread(self, place: str) -> None: ...
    async def pass_turn(self) -> None: ...
    def others_run(self, mine: Any) -> bool: ...
    def poke_others(self, mine: Any) -> None: ...


class Cost:
    """The cost of the spans of this attempt that no frame has reported yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._usd = 0.0

    def add(self, usd: float) -> None:
        with self._lock:
            self._usd += usd

    def take(self) -> float:
        if not self._usd:
            return 0
        with self._lock:
            usd, self._usd = self._usd, 0.0
        return usd


class Session:
    """Everything that the steps of one play share."""

    commits: Commits
    questions: Questions
    turns: Turns

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
        parent_span_id: str | None = None,
        spawns: bool = True,
        file: str | None = None,
        functions: Functions | None = None,
    ) -> None:
        self.lane = lane
        self.telemetry = telemetry
        self.play_sid = play_sid
        self.version_sid = version_sid
        self.step_key = partial(_identity.step_key, version_sid)  # of a place
        self.span_id = partial(_identity.span_id, play_sid)  # of a place
        self.parent_span_id = parent_span_id  # of the caller, in another play
        self.spawns = spawns  # outside the runtime a child runs in the caller's process
        self.first = attempt == 1
        self.always_replay = always_replay and attempt <= ALWAYS_REPLAYS
        self.memory = memory or Memory()
        self.sources = Sources(file, functions)
        self.cost = Cost()
        self.links = Links()
        self.tree = Tree()
        self.bodies = Bodies()
        self.last_output: str | None = None
        self.missing_await: str | None = None
        self.before_leaving: Callable[[], None] = lambda: None

    def told(self) -> str:
        """The fields that each frame with outcomes or questions carries beside them."""
        return f'"cost_usd":{self.cost.take()!r}{self.memory.take_difference()}'

    def check_awaited(self) -> None:
        if self.missing_await is not None:
            message, self.missing_await = self.missing_await, None
            raise NotAwaited(message)

    def detach(self) -> None:
        self.lane.detach()
        self.telemetry.detach()


class Bodies:
    """How many step bodies run, the root's not counted: an always-replay attempt ends where none does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0

    def began(self) -> None:
        with self._lock:
            self._open += 1

    def ended(self) -> None:
        with self._lock:
            self._open -= 1

    def __bool__(self) -> bool:
        return self._open > 0


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
