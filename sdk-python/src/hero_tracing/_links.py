"""Signed links that are not yet bound to a pause: a link answers the next pause of its name (`flow.webhook`).

Rules:
 1. Such a pause in the branch that made the link is found by its place, which is known when the link is made.
 2. Otherwise it is the next pause of the name further inside, or anywhere once the branch, block or flow call that made the
    link has ended: its question names the link, and an answer to the link answers it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ._suspension import TreeNode


class Link(NamedTuple):
    id: str  # the resume id that the link answers
    made_in: TreeNode


class Links:
    """The links of a play by the name of the pause."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, list[Link]] = {}

    def made(self, name: str, id: str, node: TreeNode) -> None:
        with self._lock:
            self._open.setdefault(name, []).append(Link(id, node))

    def take(self, name: str, id: str, node: TreeNode) -> list[str]:
        """Removes and returns the ids of the other links that answer the pause with this id, so that no later pause gets them."""
        if not self._open:
            return []
        around = []
        above: TreeNode | None = node
        while above is not None:
            around.append(above)
            above = above.parent
        with self._lock:
            links = self._open.get(name, [])
            own = any(link.id == id for link in links)
            taken = [
                link for link in links if link.id == id or (not own and (link.made_in.closed or link.made_in in around))
            ]
            self._open[name] = [link for link in links if link not in taken]
        return [link.id for link in taken if link.id != id]
