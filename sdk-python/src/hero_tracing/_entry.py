"""The body of an invoked workflow, whichever of caller and entry is sync or async.

Rules:
 1. An async entry under a sync caller runs in an event loop of its own, in the caller's thread.
 2. A sync entry under a coroutine runs in a thread of its own: it may wait for long, and takes no place of a thread pool.
    When the coroutine is cancelled, the thread is left to itself: its next call says that its flow has returned.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import Any

from ._calls import Call, Ended, body_of, body_of_async
from ._futures import resolve
from ._node import current


def run_entry(call: Call, kwargs: dict[str, Any]) -> Ended:
    """Rule 1."""
    if not call.declaration.is_async:
        return body_of(call, (), kwargs)

    async def body() -> Ended:
        current.set(call.node)  # only here: the loop's first Task is no branch of the call
        return await body_of_async(call, (), kwargs)

    context = copy_context()
    context.run(current.set, None)  # type: ignore[arg-type]
    try:
        return context.run(asyncio.run, body())
    except (SystemExit, KeyboardInterrupt) as leaving:  # from another Task: asyncio lets them pass at once
        return None, leaving


async def run_entry_async(call: Call, kwargs: dict[str, Any]) -> Ended:
    """Rule 2."""
    if call.declaration.is_async:
        return await body_of_async(call, (), kwargs)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    context = copy_context()
    ended: list[Ended] = []

    def work() -> None:
        ended.append(context.run(body_of, call, (), kwargs))
        try:
            loop.call_soon_threadsafe(resolve, done)
        except RuntimeError:  # the loop is closed: nobody waits any more
            pass

    threading.Thread(target=work, name=f"invoke-{call.declaration.name}", daemon=True).start()
    await done
    return ended[0]
