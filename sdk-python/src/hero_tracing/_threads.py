"""Threads that a flow starts: one that carries a flow's context is a leaf of the tree while it runs.

Rules:
 1. `Thread(target=context.run, …)`, `pool.submit(context.run, …)`, `asyncio.to_thread` and `loop.run_in_executor` with such a
    function carry the context. Other threads do not count: their purpose is unknown.
 2. The thread's node has the places of the node that started it, and closes when its function returns. A function that waits
    in the queue of a pool has no node yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from functools import partial
from typing import Any

from ._node import Node, current
from ._thread_turns import ThreadTurns

_plain_submit = ThreadPoolExecutor.submit
_plain_start = threading.Thread.start
_submitted = threading.local()


class Job:
    """A function that a thread runs in a flow's context."""

    def __init__(self, context: Context, parent: Node) -> None:
        self._context = context
        self._parent = parent
        self._node: Node | None = None
        self._done = False

    @property
    def turns(self) -> ThreadTurns:
        return self._parent.session.turns.threads

    def begin(self) -> None:
        node = self._parent
        while node.closed and node.above is not None:
            node = node.above
        if not node.closed:
            self._node = node.thread()
            node.session.turns.jobs += 1
            self._node.start()

    def run(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self.turns.joined([threading.current_thread()])
        if self._node is None:
            self.begin()
        node, context = self._node, self._context
        if node is None:
            return fn(*args, **kwargs)
        before = context[current]
        context.run(current.set, node)
        try:
            return fn(*args, **kwargs)
        finally:
            context.run(current.set, before)
            self.end()

    def run_and_tell(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """The same in a thread whose end is not reported otherwise."""
        try:
            return self.run(fn, *args, **kwargs)
        finally:
            self.turns.ended()

    def end(self) -> None:
        self._done = True
        if self._node is not None:
            self._node.session.turns.jobs -= 1
            self._node.close()

    def goes_on(self) -> bool:
        """Whether the thread works without a node; the tree judges threads that have one (rule 2)."""
        if self._node is None and not self._done:
            return not self._parent.session.turns.jobs
        return self._done


def install() -> None:
    pool: Any = ThreadPoolExecutor
    thread: Any = threading.Thread
    pool.submit, thread.start = _submit, _start


def submitted() -> Job | None:
    """The job of the function that this thread has just passed to a pool."""
    job: Job | None = getattr(_submitted, "job", None)
    _submitted.job = None
    return job


def _job(fn: Any) -> Job | None:
    """The job of a function that carries a flow's context; None for any other function (rule 1)."""
    while isinstance(fn, partial):
        fn = fn.func
    context = getattr(fn, "__self__", None)
    if not isinstance(context, Context) or getattr(fn, "__name__", "") != "run":
        return None
    parent = context.get(current)
    return None if parent is None else Job(context, parent)


def _submit(pool: ThreadPoolExecutor, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
    job = _submitted.job = _job(fn)
    if job is None:
        return _plain_submit(pool, fn, *args, **kwargs)
    turns = job.turns
    turns.give([])
    try:
        future = _plain_submit(pool, job.run, fn, *args, **kwargs)
    except BaseException:
        turns.ended()
        raise
    turns.joined(list(pool._threads))
    future.add_done_callback(turns.ended)
    return future


def _start(thread: threading.Thread) -> None:
    given: Any = thread
    job = _job(getattr(given, "_target", None))
    if job is None:
        return _plain_start(thread)
    job.begin()
    job.turns.give([])
    given._target, given._args = job.run_and_tell, (given._target, *given._args)
    try:
        _plain_start(thread)
    except BaseException:
        job.end()
        job.turns.ended()
        raise
    job.turns.joined([thread])
