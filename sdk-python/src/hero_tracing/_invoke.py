"""`flow.invoke`: another workflow, in this process or as a play of its own (docs/protocol.md, sections 1 and 8).

Rules:
 1. Both are one `subflow` span, remembered at the place of the call by the workflow's name and the inputs as given.
 2. In process: what is remembered needs no source. Else the workflow is a step with the entry's options; its steps are below it.
 3. Spawned: the child is named by the place, so that a repeated request finds the same child (I3). The branch then waits for
    its end as for an answer.
 4. What the runtime refuses is an error of the step: remembered, and the same on a replay.
"""

from __future__ import annotations

from json.encoder import encode_basestring as quoted
from typing import Any

from ._calls import PAYLOAD_LIMIT, body_of, commit
from ._canonical import canonical, dump
from ._commits import Request
from ._declare import Declaration
from ._effects import Effects
from ._entry import RunEntry
from ._error_json import text_of
from ._errors import ArgumentNotJson, ChildFailed, FlowNotFound, InputsInvalid, NotJson, OptionError, PayloadTooLarge
from ._leaf import Leaf, operate
from ._names import check_name
from ._node import Node, here
from ._open_call import OpenCall
from ._outcome import Outcome
from ._recall import remembered
from ._secrets.check import refuse_secret
from ._waits import Question
from ._workflow import refusal, resolve_body, workflow_of


def invoke(name: str, spawn: bool, version_sid: str, inputs: dict[str, Any]) -> Any:
    what = f"flow.invoke({name!r})"
    node = here(what)
    check_name(name, "flow.invoke")
    if not isinstance(spawn, bool) or not isinstance(version_sid, str):
        raise OptionError("flow.invoke: spawn must be True or False and version_sid a string; pass inputs by name")
    try:
        args = f'{{"inputs":{canonical(inputs, "inputs")},"version_sid":{dump(version_sid)}}}'
        text = dump(inputs)
    except NotJson as error:
        raise ArgumentNotJson(error.path, f"{error.problem} (in {what}): pass data") from None
    refuse_secret(text, inputs, "inputs", f"declare it in the workflow, and call flow.secret there (in {what})")
    if len(text) > PAYLOAD_LIMIT // 4 and len(text.encode()) > PAYLOAD_LIMIT:
        raise PayloadTooLarge(
            f"{what}: the inputs have {len(text.encode()) >> 20} MiB; the limit is 16 MiB: pass the path of a file in a mounted folder"
        )
    if not spawn:
        return operate(
            what, node, f"invoke:{name}", args, lambda node, place: _in_process(node, place, name, version_sid, text)
        )
    if not node.session.spawns:
        return operate(
            what, node, f"invoke:{name}", args, lambda node, place: _spawned_here(node, place, name, version_sid, text)
        )
    return operate(
        what, node, f"spawn:{name}", args, lambda node, place: _spawned(node, place, name, version_sid, text)
    )


# --- in process -----------------------------------------------------------------------------------------------------------


def _unresolved() -> None:
    """A placeholder for a workflow whose source is not loaded yet."""


def _in_process(node: Node, place: str, name: str, version_sid: str, text: str) -> Effects[Outcome]:
    session = node.session
    declaration = Declaration(_unresolved, name=name)
    known = remembered(declaration, node, place)
    if known is not None:
        return known
    opened = OpenCall.below(node, declaration, place)
    opened.open(node.span.id, "subflow", where=session.sources.caller())
    try:
        workflow = workflow_of(session, name, version_sid)
        kwargs = workflow.bind(text)
        opened.declaration = workflow.declaration
        opened.node.is_async = workflow.declaration.is_async
    except BaseException as error:
        opened.leave()
        outcome: Outcome = (None, error)
    else:
        outcome = yield from body_of(opened, RunEntry.of(workflow.declaration, kwargs))
    return (yield from commit(opened, outcome))


# --- spawned --------------------------------------------------------------------------------------------------------------


def _spawned(node: Node, place: str, name: str, version_sid: str, text: str) -> Effects[Outcome]:
    with Leaf(
        node, f"spawn:{name}", place=place, kind="subflow", tags='{"spawned":true}', shown=name, role="invoke"
    ) as leaf:
        if leaf.known is not None:
            return leaf.known
        parent = leaf.node.known
        reply = yield Request(
            node.session,
            "spawn",
            f'"place":"{place}","parent_place":"{parent}","span_id":"{leaf.span.id}",{resolve_body(name, version_sid)},'
            f'"input":{quoted(text)}',
        )
        if reply.get("t") == "refused":
            return (yield from leaf.keep("", refusal(reply, name)))
        leaf.span.child_play_sid = reply["child_play_sid"]
        return (yield Question(leaf.node, name, kind="child", role="invoke")), None


def _spawned_here(node: Node, place: str, name: str, version_sid: str, text: str) -> Effects[Outcome]:
    """Outside the runtime there are no other plays: the workflow runs in this process, and fails as a child would."""
    value, error = yield from _in_process(node, place, name, version_sid, text)
    if isinstance(error, Exception) and not isinstance(error, (FlowNotFound, InputsInvalid)):
        failed = ChildFailed(text_of(error), node.session.play_sid, "failed", type(error).__qualname__)
        failed.__cause__ = error
        return None, failed
    return value, error
