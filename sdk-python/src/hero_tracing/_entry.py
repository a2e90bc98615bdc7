"""Runs the entry of an invoked workflow, for all combinations of sync and async callers and entries.

Rules:
 1. An async entry under a sync caller runs in an event loop of its own, in the caller's thread.
 2. A sync entry under a coroutine runs in a thread of its own: it may wait for a long time and must not occupy a worker of a thread pool.
    When the coroutine is cancelled, its thread keeps running: its next call raises NoContext.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import Any

from ._calls import RunBody
from ._declare import Declaration
from ._effects import Effect
from ._futures import resolve
from ._node import current
from ._outcome import Outcome
from ._step_timeout import Limited
from ._tries import Try


class RunEntry:
    """The effect of running the entry of an invoked workflow."""

    __slots__ = ("_declaration", "_body")

    def __init__(self, declaration: Declaration, body: Effect) -> None:
        self._declaration = declaration
        self._body = body

    @classmethod
    def of(cls, declaration: Declaration, kwargs: dict[str, Any]) -> RunEntry:
        return cls(declaration, RunBody(declaration, (), kwargs))

    def limited(self, attempt: Try, seconds: float) -> Effect:
        return RunEntry(self._declaration, Limited(attempt, seconds, self._body))

    def perform(self) -> Outcome:
        """Runs an async entry under a sync caller (rule 1)."""
        outcome: Outcome
        if not self._declaration.is_async:
            outcome = self._body.perform()
            return outcome
        node = current.get()

        async def body() -> Outcome:
            current.set(node)  # only here: the loop's first Task is not a branch of the call
            inner: Outcome = await self._body.perform_async()
            return inner

        context = copy_context()
        context.run(current.set, None)  # type: ignore[arg-type]
        try:
            return context.run(asyncio.run, body())
        except (SystemExit, KeyboardInterrupt) as leaving:  # from another Task: asyncio lets them pass immediately
            return None, leaving

    async def perform_async(self) -> Outcome:
        """Runs a sync entry under a coroutine (rule 2)."""
        outcome: Outcome
        if self._declaration.is_async:
            outcome = await self._body.perform_async()
            return outcome
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        context = copy_context()
        ended: list[Outcome] = []

        def work() -> None:
            ended.append(context.run(self._body.perform))
            try:
                loop.call_soon_threadsafe(resolve, done)
            except RuntimeError:  # the loop is closed: no coroutine waits any more
                pass

        threading.Thread(target=work, name=f"invoke-{self._declaration.name}", daemon=True).start()
        await done
        return ended[0]
