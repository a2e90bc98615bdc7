"""`flow.map` of a sync flow: items in threads, and commits that no thread waits for.

An item's outcome is committed while its worker runs the next item already: nobody sees the result before the map returns,
and then all of them are committed (I3).
"""

from __future__ import annotations

import contextvars
import threading
from functools import partial
from typing import Any

from ._call_site import Site
from ._calls import RunBody, body_now, commit
from ._commits import Commit
from ._declare import Declaration
from ._effects import Effects
from ._errors import Refused
from ._map_items import Map
from ._node import Node, current
from ._open_call import OpenCall
from ._outcome import Outcome

WORKERS_AT_ONCE = 4
RAMP_SECONDS = 0.0005
MOST_FLYING = 512
MOST_WAITING = 1000


class _Item:
    """An item whose body has ended and whose outcome is on its way."""

    __slots__ = ("index", "committing", "branch")

    def __init__(self, index: int, committing: Effects[Outcome], branch: Node) -> None:
        self.index = index
        self.committing = committing
        self.branch = branch


class ThreadMap(Map):
    def __init__(self, declaration: Declaration, items: list[Any], workers: int, parent: Node, site: Site) -> None:
        super().__init__(declaration, items, workers, parent, site)
        self.flying = 0  # outcomes whose commits are under way
        self.parked = 0  # items that wait because no further thread may be started
        self.finished = threading.Lock()
        self.context = contextvars.copy_context()

    def run(self) -> list[Any]:
        self.begin()
        if self.unfinished:
            self.finished.acquire()
            self._ramp_up()
        return self.end()

    def _ramp_up(self) -> None:
        """Starts a few workers together and the others one by one: quick items do not need more."""
        with self.changed:
            self._hire(WORKERS_AT_ONCE)
        while self.left and self.running < self.workers:
            if self.finished.acquire(timeout=RAMP_SECONDS):
                return
            with self.changed:
                self._hire(1)
        self.finished.acquire()

    def refill(self) -> None:
        self._hire(1)
        if not self.running and self.left and not self.parked:  # rule 3
            self.parked = len(self.left)
            self.node.busy -= self.parked

    def _hire(self, most: int) -> None:
        """Starts workers for free slots; `changed` is held."""
        while most and self.left and self.running < self.workers and self.running + self.waiting < MOST_WAITING:
            try:
                threading.Thread(target=self._work, args=(self.left[0],), name="hero-map", daemon=True).start()
            except RuntimeError:  # no further thread can be started: the running ones take what is left
                if not self.running and not self.waiting:
                    raise
                return
            self.left.popleft()
            self.running += 1
            most -= 1

    def _work(self, taken: tuple[int, str]) -> None:
        self.context.copy().run(self._work_on, taken)

    def _work_on(self, taken: tuple[int, str] | None) -> None:
        while taken is not None:
            index, place = taken
            branch = self.branch(index)
            current.set(branch)
            try:
                opened = OpenCall.below(branch, self.declaration, place)
                opened.open(branch.span.id)
                outcome = body_now(opened, RunBody(self.declaration, (self.items[index],), {}))
            except BaseException as error:  # the SDK itself had no memory or no stack left: no item may be lost
                self.errors[index] = error
                taken = self._next(branch)
                self._finish(branch)
                continue
            taken = self._next(branch)
            self._commit(_Item(index, commit(opened, outcome), branch))

    def _next(self, branch: Node) -> tuple[int, str] | None:
        """The body is done: its worker takes another item, unless an item that continues needs its slot."""
        taken = None
        with self.changed:
            self.leave_slot(branch)
            if self.left and self.running < self.workers:
                taken = self.left.popleft()
                self.running += 1
            parked, self.parked = (self.parked, 0) if taken else (0, self.parked)
        if parked:
            self.session.tree.unpark(self.node, parked)
        return taken

    def _commit(self, item: _Item, refused: Refused | None = None) -> None:
        """Commits what the item needs, without a thread that waits for it."""
        while True:
            try:
                effect = item.committing.send(refused)
            except StopIteration as end:
                self.ended(item.index, end.value)
                break
            except BaseException as error:
                self.errors[item.index] = error
                break
            assert isinstance(effect, Commit)
            with self.changed:
                wait = self.flying >= MOST_FLYING
                self.flying += not wait
            if not wait:
                effect.post(partial(self._replied, item))
                return
            refused = effect.perform()
        self._finish(item.branch)

    def _finish(self, branch: Node) -> None:
        branch.close()
        with self.changed:
            self.unfinished -= 1
            last = self.unfinished == 0
        if last:
            self.finished.release()

    def _replied(self, item: _Item, refused: Refused | None) -> None:
        with self.changed:
            self.flying -= 1
        self._commit(item, refused)
