"""What the runtime does for a flow without a body of the user's: values, sleeps, requests, children.

Rules:
 1. An outcome that is kept at a leaf is committed before the flow sees it (I3), and a replay sees the same.
 2. A leaf counts as active until it is closed: the play is not suspended while a request is under way.
"""

from __future__ import annotations

from collections.abc import Callable
from json.encoder import encode_basestring as quoted
from types import TracebackType
from typing import Any

from ._awaited import Awaited, check_sync_here
from ._call_site import Site
from ._canonical import load
from ._commits import Commit
from ._effects import Effects, run, run_async
from ._error_json import describe, happened_in, is_remembered, remembered_error
from ._memory import step_json
from ._node import Node, current, here
from ._outcome import Outcome, result_of
from ._recall import recalled
from ._spans import Span


class Leaf:
    """A place that the runtime fills, without a body of the user's: a value, a sleep, a request, a child.

    `known` is what memory has there; where it has nothing, the leaf and its span are open.
    """

    def __init__(
        self,
        parent: Node,
        name: str,
        args: str = "null",
        *,
        kind: str = "other",
        tags: str = "{}",
        shown: str = "",
        role: str = "request",
        place: str = "",
    ) -> None:
        session = self.session = parent.session
        session.check_awaited()
        self.name, self.role = name, role
        place = place or parent.child_place(quoted(name), args)
        self.span = Span(session, session.span_id(place), shown or name)
        self.node = Node(session, parent, self.span, place, parent.is_async)
        self.key = session.step_key(place)
        item = session.memory.take(place)
        self.known = None if item is None else recalled(parent, place, self.span.name, kind, item)
        if item is None:
            self.node.start()
            self.span.start(parent.span.id, kind, place, tags, *session.sources.caller())

    def keep(self, text: str, error: BaseException | None = None) -> Effects[Outcome]:
        """Commits the value or the error and closes the leaf; what the flow gets is decoded (rule 1)."""
        if error is None:
            error = yield Commit(self.session, self._step("value", text))
        if error is not None:
            described = describe(error)
            happened_in(error, self.span.id)
            kept, error = remembered_error(error, described)
            yield Commit(self.session, self._step("error", kept))
            self.span.end("failed", key=self.key, error=described)
        else:
            self.span.end("success", key=self.key, output=text)
        self.node.close()
        if self.session.always_replay:
            self.session.questions.replay_now()
        return (load(text), None) if error is None else (None, error)

    def _step(self, kind: str, outcome: str) -> str:
        node = self.node
        return step_json(
            node.place, node.known, self.key, self.span.id, quoted(self.name), kind, outcome, role=self.role
        )

    def __enter__(self) -> Leaf:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Closes the leaf if an error interrupted it; a leaf that was kept or waited for is closed already."""
        if error is None or self.known is not None or self.node.closed:
            return
        if not is_remembered(error):
            self.span.end("cancelled")
        else:
            self.span.end("failed", error=describe(error))
        self.node.close()


def operate(what: str, node: Node, name: str, args: str, make: Callable[[Node, str], Effects[Outcome]]) -> Any:
    """Does it at the place that is counted now; inside a coroutine it returns what must be awaited."""
    site = Site(node, quoted(name), args)
    if check_sync_here(what, node):
        return Awaited(what, _operate_async(what, node, site, make), node.session)
    outcome: Outcome
    try:
        outcome = run(make(node, site.place_in(node)))
    except BaseException as error:  # of a wait; a replay has it as an outcome
        outcome = None, error
    return result_of(outcome)


async def _operate_async(what: str, node: Node, site: Site, make: Callable[[Node, str], Effects[Outcome]]) -> Any:
    if current.get(None) is not node:
        node = here(what)  # awaited in a Task of its own
    outcome: Outcome
    try:
        place = site.place_in(node)
        await node.session.turns.turn(place)
        outcome = await run_async(make(node, place))
    except BaseException as error:
        outcome = None, error
    return result_of(outcome)
