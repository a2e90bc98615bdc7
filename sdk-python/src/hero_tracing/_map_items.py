"""`flow.map`: one flow over many items, each a branch with memory of its own.

Rules:
 1. The map is a node, item i is its branch `map:<i>`: equal items have different places, and places do not depend on timing.
 2. Remembered items need no worker. The others run in at most `max_workers` slots; an item whose every open leaf waits
    gives its slot up and takes one again when it continues.
 3. Items that no worker has taken count as active: the play is not suspended before they have run, unless so many
    already wait that no further thread may be started (`MOST_WAITING`): then the remaining items wait too.
 4. All items run to their end; then the error of the first failed item is raised, so that a replay raises the same.
 5. An item's outcome is committed while its worker already runs the next item: no code sees the result before the map
    returns, and then all of them are committed (I3).
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from . import _identity
from ._call_site import Site
from ._declare import Declaration
from ._error_json import describe, is_remembered, leaving, note_members
from ._node import Node
from ._outcome import Outcome
from ._recall import remembered
from ._spans import Span
from ._worker_slot import WorkerSlot


class Map:
    """The common part of both kinds of maps: `_map_threads` runs flows in threads, `_map_tasks` coroutines in Tasks."""

    def __init__(self, declaration: Declaration, items: list[Any], workers: int, parent: Node, site: Site) -> None:
        session = self.session = parent.session
        session.check_awaited()
        self.declaration = declaration
        self.items = items
        self.workers = workers
        self.parent = parent
        name = f"map:{declaration.name}"
        place = site.place_in(parent)
        span = Span(session, session.span_id(place), name)
        self.node = Node(session, parent, span, place, parent.is_async)
        self.node.owner = parent.owner
        self.results: list[Any] = [None] * len(items)
        self.errors: dict[int, BaseException] = {}
        self.left: deque[tuple[int, str]] = deque()
        self.changed = threading.Lock()
        self.entering: deque[WorkerSlot] = deque()  # items that continue and need a slot again
        self.running = 0  # slots that are held
        self.waiting = 0  # items that gave their slot up
        self.unfinished = 0

    def begin(self) -> None:
        """Opens the map, counts the places of its items in order, and resolves the remembered items."""
        session, node, declaration = self.session, self.node, self.declaration
        node.start()
        node.span.start(
            self.parent.span.id, "other", node.place, f'{{"items":{len(self.items)}}}', *session.sources.caller()
        )
        for index, item in enumerate(self.items):
            branch = f"{node.branch}/map:{index}" if node.branch else f"map:{index}"
            try:
                args = declaration.arguments((item,), {})
            except Exception as error:
                self.errors[index] = error
                continue
            place = _identity.first_place(node.place, f'"{branch}"', declaration.name_json, args)
            if not self.in_turn(index, place):
                known = remembered(declaration, node, place)
                if known is None:
                    self.left.append((index, place))
                else:
                    self.ended(index, known)
        self.unfinished = len(self.left)
        session.tree.reserve(node, self.unfinished)

    def in_turn(self, index: int, place: str) -> bool:
        """Whether it is a remembered item that must wait for its turn."""
        return False

    def ended(self, index: int, outcome: Outcome) -> None:
        value, error = outcome
        if error is None:
            self.results[index] = value
        else:
            self.errors[index] = error

    def branch(self, index: int) -> Node:
        branch = self.node.branched(f"map:{index}")
        branch.gate = WorkerSlot(self)
        return branch

    def end(self) -> list[Any]:
        node = self.node
        first = self.errors[min(self.errors)] if self.errors else None
        for error in self.errors.values():
            if not is_remembered(error):
                first = error
                break
        if first is not None and len(self.errors) > 1:
            note_members(first, self.errors.values())
        if first is None:
            node.span.end("success")
        else:
            node.span.end("failed", error=describe(first))
        node.close()
        if first is not None:
            raise leaving(first)
        return self.results

    def give_to(self, slot: WorkerSlot) -> None:
        """Called when the item has a slot again; `changed` is held."""
        slot.held, slot.queued = True, False
        self.running += 1
        self.waiting -= 1
        calls, slot.calls = slot.calls, []
        for call in calls:
            call()

    def queue_up(self, slot: WorkerSlot) -> None:
        """Called when the item can continue; `changed` is held."""
        self.entering.append(slot)

    def given_up(self) -> None:
        """Called when an item waits: passes its slot to the next one. The tree's lock is held."""
        with self.changed:
            self.running -= 1
            self.waiting += 1
            self._hand_over()
            self.refill()

    def refill(self) -> None:
        """Starts remaining items in free slots; `changed` and the tree's lock are held."""
        raise NotImplementedError

    def _hand_over(self) -> None:
        """Items that continue go before items that have not begun; `changed` is held."""
        while self.entering and self.running < self.workers:
            self.give_to(self.entering.popleft())

    def leave_slot(self, branch: Node) -> None:
        """Called when the item is done; `changed` is held."""
        slot = branch.gate
        assert isinstance(slot, WorkerSlot)
        if slot.held:
            slot.held = False
            self.running -= 1
        else:
            self.waiting -= 1
        self._hand_over()
