"""The timeouts of asyncio as timers of the runtime: `timeout`, `wait_for`, `wait(timeout=)`, `as_completed(timeout=)`.

Rules:
 1. Each has a place where it is made (name and args `"timeout"`, `null`), whether it fires or not.
 2. A running timeout is recorded with the next request that asks for something, if its flow uses the runtime at all. Then it
    runs at the registry, and continues after the process has exited.
    3. A timeout that fires in the process is recorded and taken before the code sees it. A replay finds it in memory and lets it fire
    in its turn, regardless of the clock.
 4. `asyncio.sleep` and the timers of libraries are not timeouts in this sense.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from ._node import Node, current
from ._spans import Span
from ._waits import Question

NAME = '"timeout"'
LONGEST_SECONDS = 10.0**9
_CALLBACKS = ("_release_waiter", "_on_timeout", "_handle_timeout")  # of wait and wait_for, timeout, as_completed
_MODULES = ("asyncio.tasks", "asyncio.timeouts")
_plain_call_at = asyncio.BaseEventLoop.call_at


def install() -> None:
    loop: Any = asyncio.BaseEventLoop
    loop.call_at = _call_at


def _call_at(loop: Any, when: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
    if getattr(callback, "__name__", "") in _CALLBACKS and getattr(callback, "__module__", "") in _MODULES:
        node = current.get(None)
        if node is not None and not node.closed and when - loop.time() < LONGEST_SECONDS:
            return Timeout(loop, node, when, partial(loop.call_soon, callback, *args, context=context))
    return _plain_call_at(loop, when, callback, *args, context=context)


class Timeout:
    """One running timeout, in place of the handle that asyncio would get."""

    _source_traceback = None

    def __init__(self, loop: Any, node: Node, when: float, fire: Callable[[], object]) -> None:
        session = node.session
        self._loop = loop
        self._node = node
        self._when = when
        self._fire = fire
        self._cancelled = False
        self._handle: asyncio.TimerHandle | None = None
        self._question: Question | None = None
        self._place = node.timeout_place(NAME)
        turns = session.turns.here()
        if self._place in session.memory and turns is not None:
            turns.expect(self._place, self._remembered)  # rule 3
        else:
            self._handle = _plain_call_at(loop, when, self._due)
            session.questions.timeout_began(self)

    def when(self) -> float:
        return self._when

    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        if self._cancelled:
            return
        self._cancelled = True
        session = self._node.session
        if self._handle is not None:
            self._handle.cancel()
            session.questions.timeout_ended(self)
            if self._question is not None:
                session.questions.forget(self._question)
        else:
            turns = session.turns.here()
            if turns is not None:
                turns.forget(self._place)

    def question(self) -> Question | None:
        """The wait to record; None if its flow does not use the runtime (rule 2), or if it is already recorded."""
        if self._question is not None or not self._node.uses_runtime:
            return None
        node, session = self._node, self._node.session
        leaf = Node(session, node, Span(session, session.span_id(self._place), "timeout"), self._place, True)
        question = self._question = Question(
            leaf, "timeout", kind="timer", deadline=self._when, default="null", role="timeout"
        )
        question.loop = self._loop
        question.hand_out = self._go
        return question

    def _due(self) -> None:
        if not self._node.uses_runtime:
            self._node.session.questions.timeout_ended(self)
            self._fire()
        else:
            self._node.session.questions.timeout_is_due(self)

    _due.__hero_timeout__ = True  # type: ignore[attr-defined]

    def _go(self) -> bool:
        self._node.session.questions.timeout_ended(self)
        if self._cancelled:
            return False
        self._fire()
        return True

    def _remembered(self) -> bool:
        self._node.session.memory.take(self._place)
        if self._cancelled:
            return False
        self._fire()
        return True
