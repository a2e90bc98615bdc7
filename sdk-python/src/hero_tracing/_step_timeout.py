"""Time limits of steps (docs/protocol.md, section 4).

Rules:
 1. Only the time in which the step works counts: the clock stands still while every open leaf of it waits for an answer, a timer
    or a child.
 2. A coroutine is cancelled, and the cancellation becomes StepTimeout. The body of a sync step cannot be stopped: its outcome is
    committed while it still runs.
 3. If the body still runs a second later, the process ends and the play is replayed: the outcome is remembered.
 4. One thread serves all limits and needs no other one. Where it cannot be started, a limit is judged when its body ends.
    A fork has no threads, so it begins with a clock of its own.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
import sys
import threading
import traceback
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from ._effects import Effect
from ._error_json import happened_in
from ._errors import StepTimeout
from ._node import Node
from ._outcome import Outcome
from ._suspension import Gate

GRACE_SECONDS = 1.0
_GRACE = -1  # the version of a strike that comes when the grace is over


class Attempt(Protocol):
    """What a limit needs of the try that it stands around."""

    @property
    def name(self) -> str: ...

    @property
    def node(self) -> Node: ...

    def commit_timeout(self, error: BaseException, done: Callable[[], None]) -> None: ...


class Limited:
    """The effect of running a body for a limited time."""

    __slots__ = ("_attempt", "_seconds", "_body")

    def __init__(self, attempt: Attempt, seconds: float, body: Effect) -> None:
        self._attempt = attempt
        self._seconds = seconds
        self._body = body

    def perform(self) -> Outcome:
        limit = Limit(self._attempt, self._seconds, None)
        limit.start()
        outcome: Outcome = self._body.perform()
        return (None, limit.error) if limit.finish() else outcome

    async def perform_async(self) -> Outcome:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        ours = False

        def cancel() -> None:
            nonlocal ours
            if not limit.over:
                ours = True
                task.cancel()

        limit = Limit(self._attempt, self._seconds, lambda: loop.call_soon_threadsafe(cancel))
        limit.start()
        outcome: Outcome = await self._body.perform_async()
        if not limit.finish():
            return outcome
        if ours:
            uncancel = getattr(task, "uncancel", None)
            if uncancel is not None and uncancel() > 0 and isinstance(outcome[1], asyncio.CancelledError):
                return outcome  # it was cancelled from outside as well
        return None, limit.error


class Limit(Gate):
    """The time limit of one running body. `cancel` stops the body of a coroutine."""

    def __init__(self, attempt: Attempt, seconds: float, cancel: Callable[[], object] | None) -> None:
        self._attempt = attempt
        self._left = seconds
        self._cancel = cancel
        self._lock = threading.Lock()
        self._until: float | None = None
        self._version = 0
        self._expired = False
        self._committed = threading.Event()  # what expiry does for a sync body is done
        self.over = False  # the body has ended
        self.error = StepTimeout(
            f"{attempt.name} worked longer than its timeout of {seconds:g} s: give it more, do less in one step, or catch StepTimeout"
        )
        happened_in(self.error, attempt.node.span.id)

    def rested(self) -> None:
        with self._lock:
            if self._until is not None and not self._expired:
                self._left = max(0.0, self._until - monotonic())
                self._until = None
                self._version += 1

    def woke(self) -> None:
        with self._lock:
            if self._until is None and not self.over:
                self._until = monotonic() + self._left
                self._version += 1
                _clock.at(self._until, self, self._version)

    def start(self) -> None:
        self._attempt.node.gate = self
        self.woke()

    def finish(self) -> bool:
        """The body has ended. True: too late, and its outcome is `error`."""
        with self._lock:
            self.over = True
            struck = self._expired
            late = self._until is not None and monotonic() >= self._until
        if struck and self._cancel is None:
            self._committed.wait()
        return struck or late

    def strike(self, version: int) -> None:
        """Called by the clock when the time is over; never waits for the body."""
        with self._lock:
            if self.over or (version != self._version and version != _GRACE):
                return
            self._expired = True
        session = self._attempt.node.session
        if version == _GRACE and self._cancel is None:
            session.questions.leave_for_replay()
        elif version == _GRACE:
            self._attempt.commit_timeout(self.error, session.questions.leave_for_replay)
        else:
            _clock.at(monotonic() + GRACE_SECONDS, self, _GRACE)
            if self._cancel is not None:
                self._cancel()
            else:
                self._attempt.commit_timeout(self.error, self._committed.set)

    def failed(self) -> None:
        """Called when `strike` raised an error: releases whoever waits for it."""
        self._committed.set()


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
                thread = threading.Thread(target=self._run, name="hero-limits", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # no thread can be started: rule 4, and the next limit tries again
                    return
                self._thread = thread
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._heap or self._heap[0][0] > monotonic():
                    self._changed.wait(self._heap[0][0] - monotonic() if self._heap else None)
                _, _, limit, version = heapq.heappop(self._heap)
            try:
                limit.strike(version)
            except Exception:  # the thread goes on for the other limits
                limit.failed()
                traceback.print_exc(file=sys.__stderr__)
            del limit


_clock = _Clock()


def _forked() -> None:
    """Rule 4. The limits that were set belong to the parent."""
    global _clock
    _clock = _Clock()


os.register_at_fork(after_in_child=_forked)
