"""`flow.pause`: a named question that the play waits for without holding a process."""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring as quoted
from typing import Any

from . import _events, _places
from ._awaited import Awaited
from ._calls import check_sync_here
from ._canonical import dump
from ._declare import check_name
from ._errors import NoContext, NotJson, OptionError
from ._session import active, no_context
from ._site import Site
from ._spans import Span
from ._tree import Node, current
from ._waits import Question, wait, wait_async

MISSING: Any = object()


def here(what: str) -> Node:
    """The node that this code belongs to."""
    node = current.get(None)
    if node is None:
        if active() is not None:
            raise no_context(what)
        raise NoContext(f"{what} works inside a flow only: call it from a function decorated with @flow")
    if node.closed:
        raise no_context(f"{what} (its flow has returned already; it)")
    return node


def pause(
    name: str,
    *,
    schema: Mapping[str, Any] | None = None,
    ui: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    default: Any = MISSING,
    what: str = "",
) -> Any:
    what = what or f"flow.pause({name!r})"
    node = here(what)
    check_name(name, "flow.pause")
    spec = (name, _object(schema, "schema"), _object(ui, "ui"), _milliseconds(timeout), _default(default))
    if spec[3] is None and spec[4] is not None:
        raise OptionError("flow.pause: a default is what the timeout answers, so it needs a timeout")
    site = Site(node, quoted(f"pause:{name}"))
    if check_sync_here(what, node):
        return Awaited(what, _wait_async(node, site, *spec), node.session)
    return _wait(node, site, *spec)


def _wait(node: Node, site: Site, *spec: Any) -> Any:
    opened = _open(node, site.place_in(node), *spec)
    return wait(opened) if isinstance(opened, Question) else opened[0]


async def _wait_async(node: Node, site: Site, *spec: Any) -> Any:
    node = here("flow.pause") if current.get(None) is not node else node  # awaited in a Task of its own
    opened = _open(node, site.place_in(node), *spec)
    return await wait_async(opened) if isinstance(opened, Question) else opened[0]


def _open(
    node: Node, place: str, name: str, schema: str, ui: str, timeout_ms: int | None, default: str | None
) -> Question | tuple[Any]:
    """The question, or what memory answers it with."""
    session = node.session
    session.check_awaited()
    span_id = _places.span_id(session.play_sid, place)
    remembered = session.memory.take(place)
    if remembered is not None:
        kind, text = remembered.kind, remembered.text
        session.replayed(node, span_id, name, place, output=text if kind != "error" else None)
        return (session.recall(kind, text, span_id),)
    leaf = Node(session, node, Span(session, span_id, name), place, node.is_async)
    session.tree.open(leaf)
    leaf.span.start(node.span.id, "other", place, '{"pause":true}', *session.caller())
    return Question(leaf, name, schema=schema, ui=ui, timeout_ms=timeout_ms, default=default)


def _object(value: Mapping[str, Any] | None, what: str) -> str:
    if value is None:
        return "null"
    if not isinstance(value, Mapping):
        raise OptionError(f"flow.pause: {what} is an object")
    try:
        return dump(dict(value), what)
    except NotJson as error:
        raise OptionError(f"flow.pause: {error}") from None


def _milliseconds(timeout: float | None) -> int | None:
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 <= timeout < 10**10:
        raise OptionError("flow.pause: timeout is a number of seconds, 0 or more")
    return round(timeout * 1000)


def _default(default: Any) -> str | None:
    if default is MISSING:
        return None
    try:
        return dump(default, "default")
    except NotJson as error:
        raise OptionError(f"flow.pause: {error}") from None
