"""`flow.call` and `flow.webhook`: methods of the runtime, within the grant of the play's version.

Rules:
 1. A result is remembered like a step's, and so is a refusal: a replay does not call again.
 2. If the process dies during a call, the call is repeated: pass `idempotency_key=flow.current_step.key` to a method that changes something.
 3. A link belongs to the *next* pause of its name in this branch, whose place is computed but not counted. A pause elsewhere
 names the links that answer it (`_links`); the registry binds the links of calls that have finished.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring as quoted
from typing import Any

from . import _identity
from ._calls import PAYLOAD_LIMIT
from ._canonical import canonical, dump
from ._commits import Request
from ._effects import Effects
from ._errors import ArgumentNotJson, CallFailed, NotJson, OptionError, PayloadTooLarge
from ._leaf import Leaf, operate
from ._names import check_name
from ._node import Node, here
from ._outcome import Outcome
from ._secrets.check import refuse_secret

LONGEST_LINK = 366 * 24 * 3600


def call(method: str, params: dict[str, Any]) -> Any:
    what = f"flow.call({method!r})"
    node = here(what)
    if not isinstance(method, str) or not method:
        raise OptionError(
            "flow.call: the first argument must be the name of a method, for example 'flow_library_search'"
        )
    try:
        args, text = canonical(params, "arguments"), dump(params)
    except NotJson as error:
        raise ArgumentNotJson(error.path, f"{error.problem} (in {what}): pass data") from None
    refuse_secret(text, params, "arguments", f"call the method without it (in {what})")
    if len(text) > PAYLOAD_LIMIT // 4 and len(text.encode()) > PAYLOAD_LIMIT:
        raise PayloadTooLarge(
            f"{what}: the parameters have {len(text.encode()) >> 20} MiB; the limit is 16 MiB: pass less, or in several calls"
        )
    return operate(what, node, f"call:{method}", args, lambda node, place: _called(node, place, method, text))


def _called(node: Node, place: str, method: str, params: str) -> Effects[Outcome]:
    with Leaf(node, f"call:{method}", place=place, kind="rpc", shown=method) as leaf:
        if leaf.known is not None:
            return leaf.known
        return (yield from _ask(leaf, method, params, None))


def webhook(name: str, expires: float | None = None) -> Any:
    what = f"flow.webhook({name!r})"
    node = here(what)
    check_name(name, "flow.webhook")
    options = {} if expires is None else {"expires_in_ms": _expiry(expires)}
    return operate(what, node, f"webhook:{name}", "null", lambda node, place: _linked(node, place, name, options))


def _expiry(seconds: float) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= LONGEST_LINK:
        raise OptionError("flow.webhook: expires must be a number of seconds above 0, at most 366 days")
    return max(1, round(seconds * 1000))


def _linked(node: Node, place: str, name: str, options: dict[str, int]) -> Effects[Outcome]:
    session = node.session
    with Leaf(node, f"webhook:{name}", place=place, kind="rpc") as leaf:
        coming = node.coming_place(quoted(f"pause:{name}"), "null")  # rule 3
        resume_id = _identity.resume_id(session.play_sid, coming)
        session.links.made(name, resume_id, node)
        if leaf.known is not None:
            return leaf.known
        params = {
            "play_sid": session.play_sid, "resume_id": resume_id, "name": name, "parent_place": node.known, **options
        }  # fmt: skip
        return (yield from _ask(leaf, "play_hook", dump(params), "path"))


def _ask(leaf: Leaf, method: str, params: str, part: str | None) -> Effects[Outcome]:
    reply = yield Request(leaf.session, "call", f'"method":{quoted(method)},"params":{quoted(params)}')
    if reply.get("t") == "refused":
        error = CallFailed(reply.get("message", ""), reply.get("code", ""))
        return (yield from leaf.keep("", error))
    text: str = reply["result"]
    return (yield from leaf.keep(text if part is None else dump(json.loads(text)[part])))
