"""The durable begin of an `at_most_once` body (docs/protocol.md, section 4).

If an earlier attempt began the body and no outcome is remembered, it is unknown how far the body got: a person decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json.encoder import encode_basestring as quoted
from typing import Any

from . import _identity
from ._commits import Commit
from ._effects import Effects
from ._errors import Failed
from ._node import Node
from ._outcome import Outcome
from ._recall import Turn
from ._spans import Span, show_replayed
from ._waits import Question

_DECISION = {
    "type": "object",
    "required": ["action"],
    "additionalProperties": False,
    "properties": {
        "action": {"enum": ["run", "result", "fail"]},
        "result": {},
        "message": {"type": "string", "maxLength": 10_000},
    },
}


def begin(node: Node, label: str, step: Callable[[str, str], str]) -> Effects[Outcome | None]:
    """Commits the begin of the body, as the `step` of this node; or returns an outcome if a person decided against running it."""
    session, begins = node.session, 0
    if node.place in session.memory:
        yield Turn(session, node.place)
    item = session.memory.take(node.place)
    if item is not None:
        begins = int(json.loads(item.text)["begins"])
        decision = yield from _decide(node, label, begins)
        if decision["action"] == "result":
            return decision.get("result"), None
        if decision["action"] == "fail":
            return None, Failed(decision.get("message") or "it was cut, and is not to be run again")
    refused = yield Commit(session, step("begun", f'{{"begins":{begins + 1}}}'), now=True)
    return None if refused is None else (None, refused)


def _decide(node: Node, label: str, begins: int) -> Effects[dict[str, Any]]:
    session, name = node.session, f"decide:{label}"
    place = _identity.nth_place(node.place, quoted(f"pause:{name}"), begins)
    if place in session.memory:
        yield Turn(session, place)
    remembered = session.memory.take(place)
    span_id = session.span_id(place)
    if remembered is not None:
        show_replayed(session, node.span.id, span_id, name, place, output=remembered.text)
        answer: dict[str, Any] = json.loads(remembered.text)
        return answer
    leaf = Node(session, node, Span(session, span_id, name), place, node.is_async)
    leaf.start()
    leaf.span.start(node.span.id, "other", place, '{"pause":true}', None, None)
    ui = {
        "kind": "decision",
        "label": f"{label} had begun when its process died, and it is unknown how far it got. What now?",
        "options": [
            {"value": {"action": "run"}, "label": "Run it again"},
            {"value": {"action": "result", "result": None}, "label": "Continue with a result"},
            {"value": {"action": "fail"}, "label": "Fail it"},
        ],
    }
    decided: dict[str, Any] = yield Question(
        leaf, name, schema=json.dumps(_DECISION), ui=json.dumps(ui), role="decision"
    )
    return decided
