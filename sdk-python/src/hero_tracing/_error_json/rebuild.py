"""Rebuilds the errors of an outcome (`outcome` has the format): first all instances, then their references to each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import instances
from .classes import TEXT, class_of, stand_in
from .describe import text_of
from .frames import traceback_of_frames
from .packing import unpack
from .trail import set_trail

Entry = dict[str, Any]


def rebuilt(outcome: Entry) -> BaseException:
    entries = [outcome, *_data(outcome).get("related", ())]
    errors = _linked(entries, set())
    other = {number for number, error in enumerate(errors) if text_of(error) != entries[number].get("message", "")}
    if other:
        errors = _linked(entries, other)
    for error, entry in zip(errors, entries):
        data = _data(entry)
        BaseException.with_traceback(error, traceback_of_frames(data.get("frames", [])))
        set_trail(error, data.get("spans") or ([entry["span"]] if entry.get("span") else []))
    return errors[0]


def _linked(entries: list[Entry], worded: set[int]) -> list[BaseException]:
    """Errors in `worded` show the stored message, regardless of their class."""
    made: dict[int, BaseException] = {}
    for number in _members_first(entries):
        members = [made[inner] for inner in _members(entries[number])]
        made[number] = _instance(entries[number], members, number in worded)
    errors = [made[number] for number in range(len(entries))]
    for error, entry in zip(errors, entries):
        _fill(error, entry, errors)
    return errors


def _members_first(entries: list[Entry]) -> list[int]:
    """The order in which the errors can be made: the members of a group before the group."""
    order: dict[int, None] = {}
    left = list(range(len(entries) - 1, -1, -1))
    while left:
        waiting = [inner for inner in _members(entries[left[-1]]) if inner not in order]
        if waiting:
            left += waiting
        else:
            order[left.pop()] = None
    return list(order)


def _instance(entry: Entry, members: list[BaseException], worded: bool) -> BaseException:
    data = _data(entry)
    group = (data.get("text", ""), members) if members else None
    args = () if group else tuple(_args(entry))
    module, name = entry.get("module", ""), entry.get("type", "Error")
    kind = class_of(module, name, data.get("bases", ()), data.get("nth", 0))
    bases = [one for one in kind.__mro__ if issubclass(one, BaseException)]
    for base in bases:
        used = base if base is kind else stand_in(base, module, name)
        if worded:
            used = stand_in(used, module, name, TEXT, __str__=_says(entry.get("message", "")))
        try:
            return instances.make(used, args, group)
        except Exception:
            continue  # its instance cannot be made without the constructor: the nearest base whose instance can be made
    raise AssertionError("BaseException itself can be made")


def _says(message: str) -> Callable[[BaseException], str]:
    return lambda error: message


def _fill(error: BaseException, entry: Entry, errors: list[BaseException]) -> None:
    data = _data(entry)
    if not _members(entry):
        instances.set_args(error, tuple(unpack(_args(entry), errors)))
    for name, value in data.get("attributes", {}).items():
        instances.set_attribute(error, name, unpack(value, errors))
    if data.get("notes"):
        instances.set_attribute(error, "__notes__", list(data["notes"]))
    cause, context = (next((errors[number] for number in data.get(name, ())), None) for name in ("cause", "context"))
    instances.chain(error, cause, context, bool(data.get("suppress")))


def _data(entry: Entry) -> Entry:
    data: Entry = entry.get("data") or {}
    return data


def _members(entry: Entry) -> list[int]:
    members: list[int] = _data(entry).get("members", [])
    return members


def _args(entry: Entry) -> list[Any]:
    args = _data(entry).get("args")
    return args if isinstance(args, list) else [entry.get("message", "")]
