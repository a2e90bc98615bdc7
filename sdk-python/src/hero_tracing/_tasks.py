"""asyncio Tasks as branches: each Task that a step creates is numbered at its creation (docs/protocol.md, section 1).

Tasks that wait for each other (a semaphore, a queue, a lock) while the one that could wake them waits for an answer are open
leaves that never come to rest. `watch` finds them: the loop has nothing ready, no timer, no connection and no thread that
could wake it, so the questions are sent all the same.

`asyncio.gather`, `TaskGroup` and `create_task` all create Tasks through the loop, so that is the one place to number
them; Tasks that are created outside of a play are left alone.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

from ._node import Node, current
from ._session import Session

_plain_create_task = asyncio.BaseEventLoop.create_task
_plain_run_in_executor = asyncio.BaseEventLoop.run_in_executor
_in_executors: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
_installed = False


def install() -> None:
    """Numbers Tasks from now on, in every event loop of this process."""
    global _installed
    if not _installed:
        _installed = True
        asyncio.BaseEventLoop.create_task = _create_task  # type: ignore[method-assign,assignment]
        asyncio.BaseEventLoop.run_in_executor = _run_in_executor  # type: ignore[method-assign,assignment]


def _create_task(loop: Any, coro: Any, **options: Any) -> asyncio.Task[Any]:
    given: Context | None = options.get("context")
    parent = given.get(current) if given is not None else current.get(None)
    while given is not None and parent is not None and parent.closed:
        parent = parent.above  # a context that an earlier Task was given, too: that Task's branch has ended
    if parent is None or parent.closed:
        return _plain_create_task(loop, coro, **options)
    node = parent.branched(f"task:{parent.next_task()}")
    node.start()
    return spawn(loop, coro, node, **options)


def spawn(loop: Any, coro: Coroutine[Any, Any, Any], node: Node, **options: Any) -> asyncio.Task[Any]:
    """Starts a Task on an open branch; the branch closes when the Task is done."""
    node.is_async = True
    given: Context | None = options.get("context")
    if given is not None:
        given.run(current.set, node)
        task = _plain_create_task(loop, coro, **options)
    else:
        token = current.set(node)
        try:
            task = _plain_create_task(loop, coro, **options)
        finally:
            current.reset(token)

    def done(_: Any) -> None:
        node.close()

    task.add_done_callback(done)
    return task


def _run_in_executor(loop: Any, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
    future = _plain_run_in_executor(loop, executor, func, *args)
    _in_executors[loop] = _in_executors.get(loop, 0) + 1

    def done(_: Any) -> None:
        _in_executors[loop] -= 1

    future.add_done_callback(done)
    return future


def watch(loop: Any, session: Session) -> None:
    """Sends the open questions when this loop could wait for nothing else."""
    selector = getattr(loop, "_selector", None)
    if selector is None or getattr(selector, "_hero_watched", False):
        return
    plain_select = selector.select

    def select(timeout: float | None = None) -> Any:
        if timeout is None and session.questions and not session.commits.busy and _is_stuck(loop, selector):
            session.questions.send_stuck()
            timeout = 0
        return plain_select(timeout)

    selector.select = select
    selector._hero_watched = True


def _is_stuck(loop: Any, selector: Any) -> bool:
    if len(selector.get_map()) > 1 or _in_executors.get(loop):  # one is the loop's own wake-up pipe
        return False
    mine = threading.get_ident()
    return all(
        thread.ident == mine or thread.name.startswith(("hero-", "asyncio_")) for thread in threading.enumerate()
    )
