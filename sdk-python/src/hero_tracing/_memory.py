"""The memory of a play: the outcomes and answers of earlier attempts (docs/protocol.md, sections 4 and 7).

Rules:
 1. An item is taken once, because a place occurs once in an attempt. No item is added while the play runs.
 2. If items remain below a call that ran to its end, the code took another path. The next frame
    reports the first such difference, once. A cancelled call, or one with open children, is no evidence of that.
    3. Resolved versions may be looked up more than once, and are no evidence either.
    4. The items are in the order in which they were committed, or taken by the play; an event loop hands them out in that order
    (`_turns`).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring as quoted
from typing import NamedTuple


class Item(NamedTuple):
    """`kind`: value, error, begun or answer; `parent`: the place of the nearest enclosing call that memory knows."""

    kind: str
    text: str
    parent: str = ""
    name: str = ""
    role: str = "call"


class Memory:
    """Items by place."""

    __slots__ = ("_items", "_order", "_late", "_left", "_told", "_untold")

    def __init__(self, items: Iterable[tuple[str, str, str, str, str, str]] = ()) -> None:
        self._items: dict[str, Item] = {}
        self._order: deque[str] = deque()
        self._late: set[str] = set()
        self._left: dict[str, int] = {}
        self._told = False
        self._untold: str | None = None
        for place, *rest in items:
            item = self._items[place] = Item(*rest)
            self._left[item.parent] = self._left.get(item.parent, 0) + 1
            if item.role != "resolve":
                self._order.append(place)

    def __contains__(self, place: str) -> bool:
        return place in self._items

    def first(self) -> str | None:
        """The first place in the order of the commits that was not asked for yet (rule 4)."""
        order, items = self._order, self._items
        while order:
            if order[0] in items:
                return order[0]
            order.popleft()
        return None

    def pass_over(self) -> None:
        """Passes the first item over, because no branch asks for it: the others no longer wait for it."""
        self._late.add(self._order.popleft())

    @property
    def has_late(self) -> bool:
        return bool(self._late)

    def is_late(self, place: str) -> bool:
        return place in self._late

    def drop(self, place: str) -> None:
        """Called when the branch that asked for the item was cancelled before its turn."""
        self.take(place)

    def take(self, place: str) -> Item | None:
        """The item at this place, which is asked for now."""
        item = self._items.pop(place, None)
        if item is not None:
            self._left[item.parent] -= 1  # without a lock two threads may lose a count: `ended` counts again
        return item

    def take_outcome(self, place: str) -> Item | None:
        """The same for a call, which also runs if it has only begun."""
        item = self._items.get(place)
        if item is None or item.kind == "begun":
            return None
        return self.take(place)

    def find(self, place: str) -> Item | None:
        return self._items.get(place)

    def has_outcome(self, place: str) -> bool:
        """Whether a call at this place need not run."""
        item = self._items.get(place)
        return item is not None and item.kind != "begun"

    def resolved(self) -> Iterator[tuple[str, Item]]:
        """The versions of invoked workflows, with their places (rule 3)."""
        return ((place, item) for place, item in list(self._items.items()) if item.role == "resolve")

    def ended(self, parent: str, name: str) -> None:
        """Called when the call with this parent place ran to its end: applies rule 2."""
        if self._told or not self._left.get(parent):
            return
        for place, item in list(self._items.items()):
            if item.parent == parent and item.role != "resolve":
                self._told = True
                self._untold = json.dumps(
                    {
                        "reason": f"{item.name or 'a question'} is remembered, but {name} ended without asking for it again",
                        "name": item.name,
                        "place": place,
                        "kind": item.kind,
                        "parent": name,
                    },
                    ensure_ascii=False,
                )
                return

    def take_difference(self) -> str:
        """The field of a frame that reports the difference, with a comma before it; usually empty."""
        if self._untold is None:
            return ""
        told, self._untold = self._untold, None
        return f',"diverged":{told}'


def step_json(
    place: str,
    parent: str,
    key: str,
    span_id: str,
    name_json: str,
    kind: str,
    outcome: str,
    sha256: str = "",
    role: str = "call",
) -> str:
    """One step of a `commit` frame."""
    return (
        f'{{"place":"{place}","parent_place":"{parent}","step_key":"{key}","span_id":"{span_id}","name":{name_json},'
        f'"role":"{role}",'
        f'"kind":"{kind}","outcome":{quoted(outcome)},"function_sha256":"{sha256}"}}'
    )
