"""Time limits of steps (docs/protocol.md, section 4).

Rules:
 1. The time counts in which the step works. While every open leaf of it waits for an answer, a timer or a child, it stands still.
 2. A coroutine is cancelled, and the cancellation becomes StepTimeout. The body of a sync step cannot be stopped: its outcome is
    committed while it still runs.
 3. What still runs a second later is ended with its process, and the play is replayed: the outcome is remembered.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from ._errors import StepTimeout
from ._remember import happened_in
from ._tree import Gate

if TYPE_CHECKING:
    from ._tries import Trial

GRACE_SECONDS = 1.0
Ended = tuple[Any, "BaseException | None"]


class Limit(Gate):
    """The time limit of one running body."""

    def __init__(self, trial: Trial, seconds: float, cancel: Callable[[], object] | None) -> None:
        self._trial = trial
        self._left = seconds
        self._cancel = cancel
        self._lock = threading.Lock()
        self._until: float | None = None
        self._version = 0
        self._expired = False
        self._over = threading.Event()  # the body has ended
        self._settled = threading.Event()  # what expiry has to do with the outcome is done
        self.error = StepTimeout(f"{trial.call.declaration.name} worked longer than its timeout of {seconds:g} s")
        happened_in(self.error, trial.node.span.id)

    def rested(self) -> None:
        with self._lock:
            if self._until is not None:
                self._left = max(0.0, self._until - monotonic())
                self._until = None
                self._version += 1

    def woke(self) -> None:
        with self._lock:
            if self._until is None and not self._over.is_set():
                self._until = monotonic() + self._left
                self._version += 1
                _clock.at(self._until, self, self._version)

    def start(self) -> None:
        self._trial.node.gate = self
        self.woke()

    def finish(self) -> bool:
        """The body has ended. True: too late, and its outcome is `error`."""
        with self._lock:
            self._over.set()
            self._until = None
            expired = self._expired
        if expired and self._cancel is None:
            self._settled.wait()
        return expired

    def strike(self, version: int) -> None:
        """The clock's thread says that it is time."""
        with self._lock:
            if version != self._version or self._over.is_set():
                return
            self._expired = True
        threading.Thread(target=self._expire, name="hero-limit", daemon=True).start()

    def _expire(self) -> None:
        trial = self._trial
        if self._cancel is not None:
            self._cancel()
            if self._over.wait(GRACE_SECONDS):
                return
        trial.commit_timeout(self.error)
        self._settled.set()
        if self._cancel is not None or not self._over.wait(GRACE_SECONDS):
            trial.call.session.questions.leave_for_replay()

    @property
    def over(self) -> bool:
        return self._over.is_set()


def run_limited(trial: Trial, seconds: float, fn: Callable[[], Any]) -> Ended:
    limit = Limit(trial, seconds, None)
    limit.start()
    value = error = None
    try:
        value = fn()
    except BaseException as raised:
        error = raised
    return (None, limit.error) if limit.finish() else (value, error)


async def run_limited_async(trial: Trial, seconds: float, fn: Callable[[], Awaitable[Any]]) -> Ended:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    ours = False

    def cancel() -> None:
        nonlocal ours
        if not limit.over:
            ours = True
            task.cancel()

    limit = Limit(trial, seconds, lambda: loop.call_soon_threadsafe(cancel))
    limit.start()
    value = error = None
    try:
        value = await fn()
    except BaseException as raised:
        error = raised
    if not limit.finish():
        return value, error
    if ours:
        uncancel = getattr(task, "uncancel", None)
        if uncancel is not None and uncancel() > 0 and isinstance(error, asyncio.CancelledError):
            return None, error  # it was cancelled from outside as well
    return None, limit.error


class _Clock:
    """One thread that strikes every limit at its time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Limit, int]] = []
        self._count = itertools.count()
        self._thread: threading.Thread | None = None

    def at(self, when: float, limit: Limit, version: int) -> None:
        with self._changed:
            heapq.heappush(self._heap, (when, next(self._count), limit, version))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hero-limits", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._heap or self._heap[0][0] > monotonic():
                    self._changed.wait(self._heap[0][0] - monotonic() if self._heap else None)
                _, _, limit, version = heapq.heappop(self._heap)
            limit.strike(version)


_clock = _Clock()
