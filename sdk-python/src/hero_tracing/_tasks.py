"""asyncio Tasks as branches: each Task that a step creates is numbered at its creation (docs/protocol.md, section 1).

`asyncio.gather`, `TaskGroup` and `create_task` all create Tasks through the loop, so that is the one place to number
them; Tasks that are created outside a play are not numbered.

Rules:
 1. A Task hashes by its number and its branch: sets of Tasks iterate in the same order in every attempt.
 2. `asyncio.as_completed` and `asyncio.wait` make their Tasks in the order in which they are given the coroutines.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Coroutine, Iterable
from contextvars import Context
from typing import Any

from . import _threads, _timeouts
from ._node import Node, current, current_node

_plain_create_task = asyncio.BaseEventLoop.create_task
_plain_run_in_executor = asyncio.BaseEventLoop.run_in_executor
_plain_as_completed = asyncio.as_completed
_plain_wait = asyncio.wait
_installed = False
HASH_SHIFT = 12
ACCEPTS_COROUTINES = sys.version_info < (3, 11)


class Task(asyncio.Task):  # type: ignore[type-arg]
    """A Task of a play (rule 1)."""

    _hero_hash: int | None = None

    def __hash__(self) -> int:
        return super().__hash__() if self._hero_hash is None else self._hero_hash

    __eq__ = object.__eq__


def install() -> None:
    """Numbers Tasks from now on, in every event loop of this process."""
    global _installed
    if not _installed:
        _installed = True
        loop: Any = asyncio.BaseEventLoop
        loop.create_task = _create_task
        loop.run_in_executor = _run_in_executor
        modules: list[Any] = [asyncio, asyncio.tasks]
        for module in modules:
            module.as_completed, module.wait = _as_completed, _wait
        _threads.install()
        _timeouts.install()


def _create_task(loop: Any, coro: Any, **options: Any) -> asyncio.Task[Any]:
    given: Context | None = options.get("context")
    parent = given.get(current) if given is not None else current_node()
    while given is not None and parent is not None and parent.closed:
        parent = parent.above  # a context that an earlier Task was given, too: that Task's branch has ended
    if parent is None or parent.closed:
        return _plain_create_task(loop, coro, **options)
    number = parent.next_task()
    node = parent.branched(f"task:{number}")
    node.start()
    return spawn(loop, coro, node, number, **options)


def spawn(loop: Any, coro: Coroutine[Any, Any, Any], node: Node, number: int, **options: Any) -> asyncio.Task[Any]:
    """Starts a Task on an open branch; the branch closes when the Task is done."""
    node.is_async = True
    given: Context | None = options.get("context")
    if given is not None:
        given.run(current.set, node)
        task = _new_task(loop, coro, node, number, options)
    else:
        token = current.set(node)
        try:
            task = _new_task(loop, coro, node, number, options)
        finally:
            current.reset(token)

    def done(_: Any) -> None:
        node.close()

    task.add_done_callback(done)
    node.session.turns.joined(task)
    return task


def _new_task(loop: Any, coro: Any, node: Node, number: int, options: dict[str, Any]) -> asyncio.Task[Any]:
    if loop.get_task_factory() is not None:
        return _plain_create_task(loop, coro, **options)
    loop._check_closed()
    task = Task.__new__(Task)
    branch = zlib.crc32(f"{node.place}{node.branch.rpartition('/')[0]}".encode())
    task._hero_hash = (branch << HASH_SHIFT) + number
    Task.__init__(task, coro, loop=loop, **options)
    return task


def _in_order(given: Any) -> list[Any]:
    """A Task for each coroutine (rule 2); anything else is left to asyncio."""
    seen: dict[int, Any] = {}
    for one in given:
        if id(one) not in seen:
            seen[id(one)] = asyncio.ensure_future(one) if asyncio.iscoroutine(one) else one
    return list(seen.values())


def _as_completed(fs: Any, *, timeout: float | None = None) -> Any:
    if current.get(None) is not None and isinstance(fs, Iterable) and not isinstance(fs, (asyncio.Future, Coroutine)):
        fs = _in_order(fs)
    return _plain_as_completed(fs, timeout=timeout)


async def _wait(fs: Any, *, timeout: float | None = None, return_when: str = asyncio.ALL_COMPLETED) -> Any:
    if current.get(None) is not None and isinstance(fs, (list, tuple)) and ACCEPTS_COROUTINES:
        fs = _in_order(fs)
    return await _plain_wait(fs, timeout=timeout, return_when=return_when)


def _run_in_executor(loop: Any, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
    future = _plain_run_in_executor(loop, executor, func, *args)
    job, node = _threads.submitted(), current_node()
    if job is not None and node is not None:
        node.session.turns.works[future] = job.goes_on
    return future
