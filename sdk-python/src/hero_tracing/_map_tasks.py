"""`flow.map` of an async flow: items in Tasks of the caller's event loop."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from ._call_site import Site
from ._calls import run_call
from ._declare import Declaration
from ._effects import run_async
from ._futures import Waiting, resolve
from ._map_items import Map
from ._node import Node
from ._open_call import OpenCall
from ._recall import remembered
from ._tasks import spawn


class TaskMap(Map):
    def __init__(self, declaration: Declaration, items: list[Any], workers: int, parent: Node, site: Site) -> None:
        super().__init__(declaration, items, workers, parent, site)
        self.loop = asyncio.get_running_loop()
        self.finished = Waiting(loop=self.loop)
        self.expected = 0  # remembered items that wait for their turn
        self.tasks: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> list[Any]:
        self.begin()
        if self.unfinished or self.expected:
            self._start_tasks()
            try:
                await self.finished
            except asyncio.CancelledError as error:
                await self._cancel()
                self.errors = {0: error}
        return self.end()

    def in_turn(self, index: int, place: str) -> bool:
        memory, turns = self.session.memory, self.session.turns.here()
        if turns is None or not self.declaration.memo or not memory.has_outcome(place):
            return False
        self.expected += 1
        turns.expect(place, partial(self._take_turn, index, place))
        return True

    def _take_turn(self, index: int, place: str) -> bool:
        """Takes a remembered item; only the last one of the map makes a branch continue."""
        if self.finished.done():
            return False
        known = remembered(self.declaration, self.node, place)
        if known is not None:
            self.ended(index, known)
        self.expected -= 1
        return self._finish()

    def _finish(self) -> bool:
        return not self.unfinished and not self.expected and resolve(self.finished)

    def refill(self) -> None:
        self.loop.call_soon_threadsafe(self._start_tasks)

    def _start_tasks(self) -> None:
        with self.changed:
            taken = []
            while self.left and self.running < self.workers:
                self.running += 1
                taken.append(self.left.popleft())
        for index, place in taken:
            branch = self.branch(index)
            self.tasks[index] = spawn(self.loop, self._run_task(index, place, branch), branch, index)

    async def _run_task(self, index: int, place: str, branch: Node) -> None:
        try:
            opened = OpenCall.below(branch, self.declaration, place)
            self.ended(index, await run_async(run_call(opened, (self.items[index],), {})))
        except BaseException as error:
            self.errors[index] = error
        finally:
            del self.tasks[index]
            self.unfinished -= 1
            with self.changed:
                self.leave_slot(branch)
            self._start_tasks()
            self._finish()

    async def _cancel(self) -> None:
        left = len(self.left)
        self.left.clear()
        self.unfinished -= left
        self.session.tree.release(self.node, left)
        tasks = list(self.tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
