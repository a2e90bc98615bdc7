"""asyncio Tasks as branches: each Task that a step creates is numbered at its creation (docs/protocol.md, section 1).

`asyncio.gather`, `TaskGroup` and `create_task` all create Tasks through the loop, so that is the one place to number
them; Tasks that are created outside of a play are left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

from ._tree import Node, current

_plain_create_task = asyncio.BaseEventLoop.create_task
_installed = False


def install() -> None:
    """Numbers Tasks from now on, in every event loop of this process."""
    global _installed
    if not _installed:
        _installed = True
        asyncio.BaseEventLoop.create_task = _create_task  # type: ignore[method-assign,assignment]


def _create_task(loop: Any, coro: Any, **options: Any) -> asyncio.Task[Any]:
    given: Context | None = options.get("context")
    parent = given.get(current) if given is not None else current.get(None)
    if parent is None or parent.closed:
        return _plain_create_task(loop, coro, **options)
    with parent.session.lock:
        number = parent.tasks
        parent.tasks += 1
    node = parent.branched(f"task:{number}")
    parent.session.tree.open(node)
    return spawn(loop, coro, node, **options)


def spawn(loop: Any, coro: Coroutine[Any, Any, Any], node: Node, **options: Any) -> asyncio.Task[Any]:
    """Starts a Task on an open branch; the branch closes when the Task is done."""
    node.is_async = True
    given: Context | None = options.get("context")
    if given is not None:
        before = given.get(current)
        given.run(current.set, node)
        task = _plain_create_task(loop, coro, **options)
        if before is None or options.get("eager_start"):
            pass
    else:
        token = current.set(node)
        try:
            task = _plain_create_task(loop, coro, **options)
        finally:
            current.reset(token)

    def done(_: Any) -> None:
        if node.session.tree.close(node):
            node.session.at_rest()

    task.add_done_callback(done)
    return task
