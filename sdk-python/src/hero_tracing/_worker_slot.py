"""An item's slot among the workers of its map: given up while every open leaf of the item waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

from ._futures import Waiting, resolve
from ._suspension import Gate


class Slots(Protocol):
    """The slots of a map: at most `workers` items run at a time. `changed` guards all fields."""

    workers: int
    running: int
    changed: threading.Lock

    def give_to(self, slot: WorkerSlot) -> None: ...
    def queue_up(self, slot: WorkerSlot) -> None: ...
    def given_up(self) -> None: ...


class WorkerSlot(Gate):
    """An item's slot. Told under the tree's lock when every open leaf of the item waits."""

    __slots__ = ("map", "held", "queued", "calls")

    def __init__(self, map: Slots) -> None:
        self.map = map
        self.held = True
        self.queued = False
        self.calls: list[Callable[[], object]] = []  # the item's branches that can continue

    def rested(self) -> None:
        if self.held:
            self.held = False
            self.map.given_up()

    def woke(self) -> None:
        """Does nothing: a branch that continues takes a slot in `enter`, where it may have to wait for one."""

    def enter(self) -> None:
        latch = threading.Lock()
        latch.acquire()
        if not self._take(latch.release):
            latch.acquire()

    async def enter_async(self) -> None:
        loop = asyncio.get_running_loop()
        turn = Waiting(loop=loop)

        def call() -> None:
            loop.call_soon_threadsafe(resolve, turn)

        if not self._take(call):
            await turn

    def _take(self, call: Callable[[], object]) -> bool:
        """Takes a slot. Returns False if none is free; `call` is then called when there is one."""
        map = self.map
        with map.changed:
            if self.held:
                return True
            if map.running < map.workers:
                map.give_to(self)
                return True
            self.calls.append(call)
            if not self.queued:
                self.queued = True
                map.queue_up(self)
            return False
