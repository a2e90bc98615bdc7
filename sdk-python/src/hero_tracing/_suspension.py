"""The tree of open nodes, and the rule that decides when a play may be suspended (docs/protocol.md, sections 1 and 3).

Rules:
 1. A node is active while it is an open leaf that does not wait, or while one of its children is active.
 2. When the root stops being active, every open leaf waits: only then may the play be suspended.
 3. A node that closes before its children leaves them to its parent.
 4. All counting happens under one lock; the consequences (`True`: at rest) are handled outside the lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock


class TreeNode:
    """The counters of a node in the tree; the base of `_node.Node`."""

    __slots__ = ("parent", "open", "busy", "waiting", "reserves", "closed", "gate")

    def __init__(self, parent: TreeNode | None) -> None:
        self.parent = parent
        self.open = 0
        self.busy = 0
        self.waiting = False
        self.reserves = False
        self.closed = False
        self.gate: Gate | None = None


class Gate:
    """Called, under the tree's lock, when its node stops being active and when it becomes active again."""

    def rested(self) -> None: ...

    def woke(self) -> None: ...

    def enter(self) -> None:
        """Blocks a branch that continues until it may run."""

    async def enter_async(self) -> None:
        """The same in a coroutine."""


class Tree:
    """Counts active leaves. A method returns True if the root has just come to rest."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.resting = False
        self.threads: set[TreeNode] | None = None  # open nodes that block a thread, once an event loop wants to know

    def watch_threads(self) -> None:
        with self.lock:
            if self.threads is None:
                self.threads = set()

    def thread_works(self) -> bool:
        """Whether a thread works in an open leaf."""
        with self.lock:
            return any(
                node.busy > 0 if node.reserves else not node.open and not node.waiting for node in self.threads or ()
            )

    def open(self, node: TreeNode, blocks: bool = False) -> None:
        """`blocks`: a thread works in it, not a coroutine."""
        with self.lock:
            if blocks and self.threads is not None:
                self.threads.add(node)
            parent = _standing(node)
            if parent is None:
                return
            parent.open += 1
            parent.busy += 1
            if parent.busy == 1 and parent.open > 1:
                self._woke(parent)

    def close(self, node: TreeNode) -> bool:
        with self.lock:
            if node.closed:
                return False
            node.closed = True
            if self.threads is not None:
                self.threads.discard(node)
            parent = _standing(node)
            if parent is None:
                return False
            if node.open:
                was_busy = 1 if node.busy else 0
                parent.open += node.open - 1
                parent.busy += node.busy - was_busy
                return False
            if not node.waiting:
                parent.busy -= 1
            parent.open -= 1
            if parent.open == 0:
                if node.waiting:  # the parent was at rest with its only child, and is a leaf now
                    self._woke(parent)
                return False
            return parent.busy == 0 and not node.waiting and self._rested(parent)

    def wait(self, node: TreeNode) -> bool:
        """Called when the leaf begins to wait."""
        with self.lock:
            node.waiting = True
            parent = _standing(node)
            if parent is None:
                return self._rested(node)
            parent.busy -= 1
            return parent.busy == 0 and self._rested(parent)

    def wake(self, nodes: Iterable[TreeNode]) -> None:
        """Called when leaves continue, for all of them together, so that none can bring the tree to rest before the others."""
        with self.lock:
            for node in nodes:
                if not node.waiting or node.closed:
                    continue
                node.waiting = False
                parent = _standing(node)
                if parent is None:
                    self.resting = False
                    continue
                parent.busy += 1
                if parent.busy == 1:
                    self._woke(parent)

    def reserve(self, node: TreeNode, count: int) -> None:
        """Counts children that do not exist yet: items of a map that no worker has taken."""
        with self.lock:
            if count == 0:
                return
            node.reserves = True
            was_leaf = node.open == 0
            node.open += count
            node.busy += count
            if not was_leaf and node.busy == count:
                self._woke(node)

    def release(self, node: TreeNode, count: int) -> bool:
        """Removes reserved children that need no node, because their items are remembered."""
        with self.lock:
            if count == 0:
                return False
            node.open -= count
            node.busy -= count
            return node.open > 0 and node.busy == 0 and self._rested(node)

    def park(self, node: TreeNode, count: int) -> bool:
        """Reserved children cannot start before others have continued: they count as waiting."""
        with self.lock:
            node.busy -= count
            return count > 0 and node.busy == 0 and self._rested(node)

    def unpark(self, node: TreeNode, count: int) -> None:
        with self.lock:
            node.busy += count
            if count > 0 and node.busy == count:
                self._woke(node)

    def _rested(self, node: TreeNode) -> bool:
        while True:
            if node.gate is not None:
                node.gate.rested()
            parent = _standing(node)
            if parent is None:
                self.resting = True
                return True
            parent.busy -= 1
            if parent.busy:
                return False
            node = parent

    def _woke(self, node: TreeNode) -> None:
        while True:
            if node.gate is not None:
                node.gate.woke()
            parent = _standing(node)
            if parent is None:
                self.resting = False
                return
            parent.busy += 1
            if parent.busy > 1:
                return
            node = parent


def _standing(node: TreeNode) -> TreeNode | None:
    """The nearest parent that is still open (rule 3)."""
    parent = node.parent
    if parent is not None and parent.closed:
        while parent.closed and parent.parent is not None:
            parent = parent.parent
        node.parent = parent
    return parent
