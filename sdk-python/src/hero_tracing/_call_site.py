"""The call site of an async operation. Its place is counted there, also when it is awaited later or in another Task.

Rules:
 1. Calling counts, awaiting does not: `asyncio.gather(step(1), step(1))` are the calls 0 and 1 of their caller, whatever turns
    their Tasks take.
 2. A call that is awaited after its caller's node has closed, or in the body of another flow call, is counted where it is awaited:
    memory keeps an outcome below the call that it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable

from ._node import Node


class Site:
    """One call: the node that it was called in, and its place there."""

    __slots__ = ("_node", "_name", "_args", "_place", "_error")

    def __init__(self, node: Node, name_json: str, args: str | Callable[[], str] = "null") -> None:
        self._node = node
        self._name = name_json
        self._error: Exception | None = None
        self._place = self._args = ""
        try:
            self._args = args if isinstance(args, str) else args()
        except Exception as error:  # the error of arguments that are not JSON; raised where the call is awaited
            self._error = error
        else:
            if not node.closed:
                self._place = node.child_place(name_json, self._args)

    def place_in(self, node: Node) -> str:
        """The place of the call, which `node` runs now."""
        if self._error is not None:
            raise self._error
        called = self._node
        if self._place and (called is node or (not called.closed and called.owner is node.owner)):
            return self._place
        return node.child_place(self._name, self._args)
