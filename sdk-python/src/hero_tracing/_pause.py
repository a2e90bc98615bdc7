"""`flow.pause`: a named question that the play waits for without holding a process."""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring as quoted
from typing import Any

from ._awaited import Awaited, check_sync_here
from ._call_site import Site
from ._canonical import dump
from ._error_json import recall
from ._errors import NotJson, OptionError
from ._identity import resume_id
from ._names import check_name
from ._node import Node, current, here
from ._secrets.check import refuse_secret
from ._spans import Span, show_replayed
from ._waits import Question, wait, wait_async

MISSING: Any = object()


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
    for part, value in (("name", name), ("schema", schema), ("ui", ui), ("default", default)):
        if value is not None and value is not MISSING:
            refuse_secret(dump(value), value, part, f"ask without it (in {what})")
    if spec[3] is None and spec[4] is not None:
        raise OptionError("flow.pause: default is the answer after the timeout, so pass timeout, too")
    site = Site(node, quoted(f"pause:{name}"))
    if check_sync_here(what, node):
        return Awaited(what, _wait_async(node, site, *spec), node.session)
    return _wait(node, site, *spec)


def _wait(node: Node, site: Site, *spec: Any) -> Any:
    opened = _open(node, site.place_in(node), *spec)
    return wait(opened) if isinstance(opened, Question) else opened[0]


async def _wait_async(node: Node, site: Site, *spec: Any) -> Any:
    node = here("flow.pause") if current.get(None) is not node else node  # awaited in a Task of its own
    place = site.place_in(node)
    await node.session.turns.turn(place)
    opened = _open(node, place, *spec)
    return await wait_async(opened) if isinstance(opened, Question) else opened[0]


def _open(
    node: Node, place: str, name: str, schema: str, ui: str, timeout_ms: int | None, default: str | None
) -> Question | tuple[Any]:
    """The question, or its remembered answer."""
    session = node.session
    session.check_awaited()
    span_id = session.span_id(place)
    links = session.links.take(name, resume_id(session.play_sid, place), node)
    remembered = session.memory.take(place)
    if remembered is not None:
        kind, text = remembered.kind, remembered.text
        show_replayed(session, node.span.id, span_id, name, place, output=text if kind != "error" else None)
        return (recall(kind, text, span_id),)
    leaf = Node(session, node, Span(session, span_id, name), place, node.is_async)
    leaf.start()
    leaf.span.start(node.span.id, "other", place, '{"pause":true}', *session.sources.caller())
    return Question(leaf, name, schema=schema, ui=ui, timeout_ms=timeout_ms, default=default, links=links)


def _object(value: Mapping[str, Any] | None, what: str) -> str:
    if value is None:
        return "null"
    if not isinstance(value, Mapping):
        raise OptionError(f"flow.pause: {what} must be an object (a dict)")
    try:
        return dump(dict(value), what)
    except NotJson as error:
        raise OptionError(f"flow.pause: {error}") from None


def _milliseconds(timeout: float | None) -> int | None:
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 <= timeout < 10**10:
        raise OptionError("flow.pause: timeout must be a number of seconds, 0 or more")
    return round(timeout * 1000)


def _default(default: Any) -> str | None:
    if default is MISSING:
        return None
    try:
        return dump(default, "default")
    except NotJson as error:
        raise OptionError(f"flow.pause: {error}") from None
