"""Workflows that a play invokes in its own process: resolves the version, loads its module, and checks the inputs.

Rules:
 1. A name is resolved once per play, and the version is remembered with its source: a replay runs the same one, also after
    another became current (I9).
 2. Each version is a module of its own, with a file name of its own in spans and tracebacks.
 3. Inputs are checked as the registry checks those of a play: one error names every fault.
"""

from __future__ import annotations

import copy
import json
from contextvars import copy_context
from json.encoder import encode_basestring as quoted
from types import ModuleType
from typing import Any

from . import _identity
from ._canonical import dump
from ._declare import Declaration
from ._errors import FlowNotFound, InputsInvalid, PayloadTooLarge, Refused
from ._fields import Field, Issue, input_faults
from ._memory import step_json
from ._node import current
from ._session import Session
from ._source import load_source


class Workflow:
    """An entry flow that can be called; its declaration has the workflow's name."""

    def __init__(self, name: str, entry: Declaration, fields: list[Field]) -> None:
        self.declaration = copy.copy(entry)
        self.declaration.name, self.declaration.name_json = name, quoted(name)
        self.declaration.memo = True  # an invoked flow is always remembered, as a play's end is
        self._entry = entry
        self._fields = fields

    def bind(self, inputs: str) -> dict[str, Any]:
        """The given arguments, with the defaults that the workflow declares."""
        given = json.loads(inputs)
        faults = input_faults(self._fields, given)
        if faults:
            raise inputs_invalid(self.declaration.name, faults)
        return self._entry.root_arguments(given)


def workflow_of(session: Session, name: str, version_sid: str) -> Workflow:
    """Resolves and loads the workflow the first time; blocks, also inside a coroutine."""
    key = name, version_sid
    with session.sources.loading:
        known = session.sources.workflows.get(key)
        if known is None:
            found = _resolved(session, name, version_sid)
            known = session.sources.workflows[key] = _loaded(session, name, version_sid, found)
    assert isinstance(known, Workflow)
    return known


def resolve_body(name: str, version_sid: str) -> str:
    """The fields of a frame that name a workflow and perhaps a version."""
    return f'"workflow_name":{quoted(name)},"version_sid":{quoted(version_sid) if version_sid else "null"}'


def _resolved(session: Session, name: str, version_sid: str) -> dict[str, Any]:
    """Rule 1."""
    label = f"resolve:{name}"
    place = _identity.resolve_place(quoted(label), quoted(version_sid))
    item = session.memory.find(place)
    if item is not None:
        remembered: dict[str, Any] = json.loads(item.text)
        return remembered
    reply = session.lane.request("resolve", resolve_body(name, version_sid))
    if reply.get("t") == "refused":
        raise refusal(reply, name)
    found = {key: value for key, value in reply.items() if key not in ("t", "id")}
    key, span_id = session.step_key(place), session.span_id(place)
    kept = session.commits.commit(
        step_json(place, "", key, span_id, quoted(label), "value", dump(found), role="resolve")
    )
    if kept.get("t") == "refused":
        raise refusal(kept, name)
    return found


def load_for_error(session: Session, module: str) -> None:
    """Loads the module of a remembered version, because a remembered error may have a class of that module although the call does not run again."""
    if not module.startswith("__flow_"):
        return
    for place, item in session.memory.resolved():
        found = json.loads(item.text)
        if _module_name(found) != module:
            continue
        name = item.name.removeprefix("resolve:")
        is_current = place == _identity.resolve_place(quoted(item.name), quoted(""))
        with session.sources.loading:
            if found["version_sid"] not in session.sources.modules:
                loaded = _module(session, name, "" if is_current else found["version_sid"], found)
                session.sources.modules[found["version_sid"]] = loaded
        return


def _module_name(found: dict[str, Any]) -> str:
    return f"__flow_{found['version_sid']}__"


def _loaded(session: Session, name: str, version_sid: str, found: dict[str, Any]) -> Workflow:
    module = session.sources.modules.get(found["version_sid"])
    if module is None:
        module = session.sources.modules[found["version_sid"]] = _module(session, name, version_sid, found)
    entry = getattr(getattr(module, found["entry"], None), "__hero_flow__", None)
    if not isinstance(entry, Declaration):
        raise FlowNotFound(
            f"flow.invoke({name!r}): the source of the workflow has no flow {found['entry']!r}: save a version whose entry flow has this name"
        )
    return Workflow(name, entry, _fields_of(entry, found))


def _module(session: Session, name: str, version_sid: str, found: dict[str, Any]) -> ModuleType:
    """Rule 2. The top level of the module belongs to no step: a flow that is called there raises an error."""
    label = name.replace("/", "_")
    file = found.get("file") or (f"{label}.py" if not version_sid else "")
    if not file or file in session.sources.functions:
        file = f"{label}.v{found['version_number']}.py"
    context = copy_context()
    context.run(current.set, None)  # type: ignore[arg-type]
    module, functions = context.run(load_source, found["source"], file, _module_name(found))
    session.sources.functions[file] = functions
    return module


def _fields_of(entry: Declaration, found: dict[str, Any]) -> list[Field]:
    if entry.inputs is not None:
        return entry.inputs
    from ._inspect import inspect_source

    fields: list[Field] = inspect_source(found["source"], found["entry"])["inputs"]
    return fields


def inputs_invalid(name: str, faults: list[Issue]) -> InputsInvalid:
    told = "".join(f"\n{fault['path']}: {fault['message']}" for fault in faults)
    return InputsInvalid(f"The inputs of {name!r} do not fit:{told}", faults)


def refusal(reply: dict[str, Any], name: str) -> Exception:
    """Converts a refusal of the runtime to an error of the flow. After the first line of its message each line is one fault."""
    code, message = reply.get("code", ""), reply.get("message", "")
    if code == "NOT_FOUND":
        return FlowNotFound(f"flow.invoke({name!r}): {message}")
    if code == "INVALID_PARAMS":
        parts = [line.partition(": ") for line in message.split("\n")[1:]]
        faults: list[Issue] = [{"path": path, "message": text} for path, colon, text in parts if colon]
        return (
            inputs_invalid(name, faults) if faults else InputsInvalid(f"The inputs of {name!r} do not fit: {message}")
        )
    if code == "PAYLOAD_TOO_LARGE":
        return PayloadTooLarge(f"flow.invoke({name!r}): {message}")
    return Refused(code, message)
