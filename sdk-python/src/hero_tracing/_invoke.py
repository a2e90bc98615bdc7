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

from ._calls import PAYLOAD_LIMIT, Call, Remembered, enter_at
from ._canonical import canonical, dump
from ._declare import Declaration, check_name
from ._errors import ArgumentNotJson, ChildFailed, FlowNotFound, InputsInvalid, NotJson, OptionError, PayloadTooLarge
from ._node import Node, here
from ._operation import Body, Doing, Leaf, Request, operate
from ._remember import text_of
from ._tries import Commit
from ._waits import Question
from ._workflow import refusal, resolve_body, workflow_of


def invoke(name: str, spawn: bool, version_sid: str, inputs: dict[str, Any]) -> Any:
    what = f"flow.invoke({name!r})"
    node = here(what)
    check_name(name, "flow.invoke")
    if not isinstance(spawn, bool) or not isinstance(version_sid, str):
        raise OptionError("flow.invoke: spawn is True or False, and version_sid a text; inputs are given by their names")
    try:
        args = f'{{"inputs":{canonical(inputs, "inputs")},"version_sid":{dump(version_sid)}}}'
        text = dump(inputs)
    except NotJson as error:
        raise ArgumentNotJson(error.path, f"{error.problem} (in {what})") from None
    if len(text) > PAYLOAD_LIMIT // 4 and len(text.encode()) > PAYLOAD_LIMIT:
        raise PayloadTooLarge(f"{what}: the inputs have {len(text.encode()) >> 20} MiB; 16 MiB fit")
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
    """What stands for a workflow of which the source is not there yet."""


def _in_process(node: Node, place: str, name: str, version_sid: str, text: str) -> Doing:
    session = node.session
    session.check_awaited()
    call = enter_at(Declaration(_unresolved, name=name), node, place)
    if isinstance(call, Remembered):
        return call.recall()
    call.start(node, "subflow", where=session.sources.caller())
    ended: tuple[Any, BaseException | None]
    try:
        workflow = workflow_of(session, name, version_sid)
        kwargs = workflow.bind(text)
        call.declaration = workflow.declaration
        call.node.is_async = workflow.declaration.is_async
        ended = yield Body(call, kwargs)
    except BaseException as error:
        ended = None, error
    call.leave()
    return (yield from _settled(call, *ended))


def _settled(call: Call, value: Any, error: BaseException | None) -> Doing:
    settling = call.settle(value, error)
    failure = None
    try:
        step = next(settling)
        while True:
            step = settling.send((yield Commit(step)))
    except StopIteration as end:
        failure = end.value
    finally:
        settling.close()
    if failure is not None:
        try:
            raise failure
        finally:
            del failure, error
    return call.result


# --- spawned --------------------------------------------------------------------------------------------------------------


def _spawned(node: Node, place: str, name: str, version_sid: str, text: str) -> Doing:
    with Leaf(node, f"spawn:{name}", place=place, kind="subflow", tags='{"spawned":true}', shown=name) as leaf:
        if leaf.item is not None:
            return leaf.recall()
        parent = leaf.node.known
        reply = yield Request(
            "spawn",
            f'"place":"{place}","parent_place":"{parent}","span_id":"{leaf.span.id}",{resolve_body(name, version_sid)},'
            f'"input":{quoted(text)}',
        )
        if reply.get("t") == "refused":
            return (yield from leaf.keep("", refusal(reply, name)))
        leaf.span.child_play_sid = reply["child_play_sid"]
        return (yield Question(leaf.node, name, kind="child"))


def _spawned_here(node: Node, place: str, name: str, version_sid: str, text: str) -> Doing:
    """Outside of the runtime there are no other plays: it runs in this process, and fails as a child would."""
    try:
        return (yield from _in_process(node, place, name, version_sid, text))
    except (FlowNotFound, InputsInvalid):
        raise
    except Exception as error:
        raise ChildFailed(text_of(error), node.session.play_sid, "failed", type(error).__qualname__) from error
