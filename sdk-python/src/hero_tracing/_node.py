"""A node of the step tree: a flow call, a step, a span, a pause or a branch, and the place that it gives to its children.

Rules:
 1. Places and branches are counted under a lock: two threads that call the same flow get two places.
 2. A node is opened only where the stack has room to close it again.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar, Token
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from threading import Lock
from types import FrameType
from typing import Any, cast

from ._errors import NoContext
from ._identity import Counter
from ._session import Session, active
from ._spans import Span
from ._stack import check_room
from ._suspension import TreeNode

_counting = Lock()


class Node(TreeNode):
    """An open flow call, step, span, pause or branch. A branch has the place and the span of the node it belongs to."""

    __slots__ = (
        "session",
        "span",
        "place",
        "branch",
        "branch_json",
        "counter",
        "tasks",
        "counts",
        "uses",
        "owner",
        "is_async",
        "known",
        "blocks",
    )

    def __init__(self, session: Session, parent: Node | None, span: Span, place: str, is_async: bool) -> None:
        super().__init__(parent)
        self.session = session
        self.span = span
        self.place = place
        self.branch = ""
        self.branch_json = '""'
        self.counter: Counter | None = None
        self.tasks = 0
        self.uses = False  # of a flow call's node: its body has used the runtime
        self.counts: Node | None = None  # the node that counts the children of a thread: the one that started it
        self.owner: Any = None  # the flow call that this node belongs to
        self.known: str = (
            parent.known if parent is not None else ""
        )  # place of the nearest call or try that memory knows
        self.is_async = is_async
        self.blocks: GeneratorBlocks | None = None

    @property
    def above(self) -> Node | None:
        """The present parent of this node (a parent that closes passes its children to its own parent)."""
        return cast("Node | None", self.parent)

    def child_place(self, name_json: str, args: str) -> str:
        """The place of a call under this node, counted now."""
        self.owner.node.uses = True
        with _counting:
            return self._counter().place(self.place, self.branch_json, name_json, args)

    def timeout_place(self, name_json: str) -> str:
        """The place of a timeout of asyncio, which alone does not count as a use of the runtime."""
        with _counting:
            return self._counter().place(self.place, self.branch_json, name_json, "null")

    @property
    def uses_runtime(self) -> bool:
        """Whether the flow call that this node belongs to has used the runtime."""
        return bool(self.owner.node.uses)

    def coming_place(self, name_json: str, args: str) -> str:
        """The place that the next such call will have."""
        with _counting:
            return self._counter().coming(self.place, self.branch_json, name_json, args)

    def _counter(self) -> Counter:
        counts = self.counts or self
        counter = counts.counter
        if counter is None:
            counter = counts.counter = Counter()
        return counter

    def next_task(self) -> int:
        """The number of the Task that is created under this node now."""
        counts = self.counts or self
        with _counting:
            number = counts.tasks
            counts.tasks = number + 1
        return number

    def path(self) -> list[int]:
        """The numbers of the branches from the root to this node: an order of parallel branches that does not depend on timing."""
        numbers: list[int] = []
        node: Node | None = self
        while node is not None:
            parent = node.above
            if parent is not None and node.branch and node.place == parent.place and node.branch != parent.branch:
                numbers.append(int(node.branch.rpartition(":")[2]))
            node = parent
        return numbers[::-1]

    def branched(self, branch: str) -> Node:
        """A branch of this node: an item of a map, or an asyncio Task."""
        node = Node(self.session, self, self.span, self.place, self.is_async)
        node.branch = f"{self.branch}/{branch}" if self.branch else branch
        node.branch_json = f'"{node.branch}"'
        node.owner = self.owner
        return node

    def thread(self) -> Node:
        """The node of a thread that carries this node's context: a separate leaf with the same places."""
        node = Node(self.session, self, self.span, self.place, False)
        node.branch, node.branch_json, node.owner = self.branch, self.branch_json, self.owner
        node.counts = self.counts or self
        return node

    def start(self) -> None:
        """Opens it in the tree (rule 2)."""
        check_room()
        self.session.tree.open(self, not self.is_async)

    def close(self) -> None:
        """Closes it; if that brings the play to rest, the open questions are sent."""
        if self.session.tree.close(self):
            self.session.questions.at_rest()


current: ContextVar[Node] = ContextVar("hero_tracing_node")


def current_node() -> Node | None:
    """The node that this code belongs to, if any."""
    node = current.get(None)
    return node if node is None or node.blocks is None else node.blocks.innermost(node)


def leave(token: Token[Node] | None) -> None:
    """Restores the node of the caller. A coroutine that is closed in another context has none to restore."""
    try:
        current.reset(token)  # type: ignore[arg-type]
    except ValueError:
        pass


class GeneratorBlocks:
    """The blocks that generators opened under one node.

    A generator shares the context of the code that advances it, so the context cannot tell which of several generators is running;
    the frame can. A block in a generator applies to the generator's own code, not to the code that consumes it.
    """

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[FrameType, list[Node]] = {}

    def enter(self, frame: FrameType, block: Node) -> None:
        self._open.setdefault(frame, []).append(block)

    def leave(self, frame: FrameType, block: Node) -> None:
        blocks = self._open.get(frame, [])
        if block in blocks:
            blocks.remove(block)
        if not blocks:
            self._open.pop(frame, None)

    def innermost(self, outside: Node) -> Node:
        """The innermost block of the generator that runs now; `outside` if none runs."""
        frame = sys._getframe(1) if self._open else None
        while frame is not None:
            if frame in self._open:
                return self._open[frame][-1]
            frame = frame.f_back
        return outside


def generator_frame(frame: FrameType) -> bool:
    """Whether a block of this frame belongs to a generator; that of a `@contextmanager` belongs to its caller."""
    if not frame.f_code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
        return False
    return frame.f_back is None or frame.f_back.f_globals.get("__name__") != "contextlib"


def here(what: str) -> Node:
    """The node that this code belongs to."""
    node = current_node()
    if node is None:
        if active() is not None:
            raise no_context(what)
        raise NoContext(f"{what} works only inside a flow: call it from a function decorated with @flow")
    if node.closed:
        raise no_context(f"{what} (whose flow has already returned)")
    return node


def no_context(what: str) -> NoContext:
    return NoContext(
        f"{what} was called from a thread that does not know its step. Start the thread with the context of the step: "
        "threading.Thread(target=contextvars.copy_context().run, args=(fn, …)), or "
        "executor.submit(contextvars.copy_context().run, fn, …); flow.map does so by itself."
    )
