"""Whether a call is remembered; what memory has at its place is handed out as if it had just happened, and nothing runs."""

from __future__ import annotations

from ._declare import Declaration
from ._error_json import describe, happened_in, recall
from ._memory import Item
from ._node import Node, no_context
from ._outcome import Outcome
from ._session import Session
from ._spans import show_replayed


class Turn:
    """The effect of waiting until what memory has at a place may be taken: in an event loop for its turn (`_turns`)."""

    __slots__ = ("_session", "_place")

    def __init__(self, session: Session, place: str) -> None:
        self._session = session
        self._place = place

    def perform(self) -> None:
        self._session.turns.turn_in_thread(self._place)

    async def perform_async(self) -> None:
        await self._session.turns.turn(self._place)


class Recall:
    """The effect of taking a remembered outcome."""

    __slots__ = ("_parent", "_place", "_name", "_kind", "_item")

    def __init__(self, parent: Node, place: str, name: str, kind: str, item: Item) -> None:
        self._parent = parent
        self._place = place
        self._name = name
        self._kind = kind
        self._item = item

    def perform(self) -> Outcome:
        session, item = self._parent.session, self._item
        text, span_id = item.text, session.span_id(self._place)
        try:
            value = recall(item.kind, text, span_id)
        except BaseException as error:  # the remembered outcome may be an error
            happened_in(error, span_id)
            told = None if self._kind == "step" else {**describe(error), "traceback": ""}
            self._show(span_id, None, told)
            return None, error
        if self._kind == "step":
            session.last_output = text
            self._show(span_id, text if session.first else None)  # otherwise the span keeps its earlier output
        else:
            self._show(span_id, text)
        return value, None

    def _show(self, span_id: str, output: str | None, error: dict[str, str] | None = None) -> None:
        parent = self._parent
        show_replayed(
            parent.session, parent.span.id, span_id, self._name, self._place, self._kind, output=output, error=error
        )

    async def perform_async(self) -> Outcome:
        return self.perform()


def remembered(declaration: Declaration, parent: Node, place: str) -> Recall | None:
    """What memory has at the place of a call, asked for now."""
    session = parent.session
    if parent.closed:
        raise no_context(f"The flow {declaration.name!r} (whose caller has already returned)")
    if session.missing_await is not None:
        session.check_awaited()
    item = session.memory.take_outcome(place) if declaration.memo else None
    return None if item is None else Recall(parent, place, declaration.name, "step", item)
