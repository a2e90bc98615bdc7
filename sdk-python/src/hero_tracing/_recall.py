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


def remembered(declaration: Declaration, parent: Node, place: str) -> Outcome | None:
    """What memory has at the place of a call, taken now; None where the call has to run."""
    session = parent.session
    if parent.closed:
        raise no_context(f"The flow {declaration.name!r} (whose caller has already returned)")
    if session.missing_await is not None:
        session.check_awaited()
    item = session.memory.take_outcome(place) if declaration.memo else None
    return None if item is None else recalled(parent, place, declaration.name, "step", item)


def recalled(parent: Node, place: str, name: str, kind: str, item: Item) -> Outcome:
    """The outcome that memory had at this place, shown as a replayed span."""
    session, text = parent.session, item.text
    span_id = session.span_id(place)
    try:
        value = recall(item.kind, text, span_id)
    except BaseException as error:  # the remembered outcome may be an error
        happened_in(error, span_id)
        told = None if kind == "step" else {**describe(error), "traceback": ""}
        show_replayed(session, parent.span.id, span_id, name, place, kind, error=told)
        return None, error
    output: str | None = text
    if kind == "step":
        session.last_output = text
        if not session.first:
            output = None  # the span keeps its earlier output
    show_replayed(session, parent.span.id, span_id, name, place, kind, output)
    return value, None
