"""How many names of one play are looked up at once: each holds a thread of all plays until the resolver gives up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """Whoever gives up waiting for a turn takes none; a turn that was taken lasts until its work has really ended."""

    def __init__(self, most: int) -> None:
        self._free = asyncio.Semaphore(most)

    async def take(self, work: Callable[[], Awaitable[T]]) -> T:
        """Does the work at its turn."""
        await self._free.acquire()
        task = asyncio.ensure_future(work())
        task.add_done_callback(self._end)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    def _end(self, task: asyncio.Future[T]) -> None:
        self._free.release()
        if not task.cancelled():
            task.exception()  # so that asyncio does not report one for which nobody waits any more
