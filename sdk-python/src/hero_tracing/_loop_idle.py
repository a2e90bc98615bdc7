"""Decides whether an event loop can continue by itself, from what each Task of asyncio waits for.

Rules, for a Task that is not done while nothing in the loop is ready:
 1. A Task that awaits a Task, a `gather`, or one of asyncio's own constructs (locks, queues, events, conditions, `wait`,
    `wait_for`, groups) waits for other Tasks of the play: it continues if they can.
 2. It continues by itself if it sleeps, or awaits I/O, a request to the executor, or a thread that works for it. A thread that
    carries a flow's context is a leaf of the tree, which says whether it waits.
 3. A future of the flow's own (`loop.create_future()`) is assumed to be resolved by another Task; but if
    connections are open it may be I/O of the flow's own.
 4. A timer that is not one of asyncio's timeouts makes the loop continue. Connections and threads that no Task awaits do not count.
"""

from __future__ import annotations

import asyncio
import gc
import os
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Protocol

from ._awaited import Awaited
from ._futures import Waiting
from ._session import Session

_ASYNCIO = os.path.dirname(asyncio.__file__) + os.sep
_OF_TASKS = {
    _ASYNCIO + name + ".py" for name in ("locks", "queues", "tasks", "taskgroups", "timeouts", "futures", "runners")
}
_HERE = os.path.dirname(__file__) + os.sep
_CODE = ("cr_code", "ag_code", "gi_code")
_NEXT = ("cr_await", "ag_await", "gi_yieldfrom")
_FRAME = ("cr_frame", "ag_frame", "gi_frame")
_RUNS = (CoroutineType, AsyncGeneratorType, GeneratorType)
MOST_DEEP = 1000


class Loop(Protocol):
    """The part of an event loop that this module needs (`_turns`)."""

    session: Session
    tasks: set[asyncio.Task[Any]]

    def has_connection(self) -> bool: ...


def goes_on(task: asyncio.Task[Any], turns: Loop) -> bool:
    """Whether the Task can continue without another Task of the play and without an answer."""
    waiter = getattr(task, "_fut_waiter", None)
    if waiter is None:
        return True
    return _resolves(waiter, task.get_coro(), turns)


def _resolves(future: Any, coro: Any, turns: Loop) -> bool:
    if future.done() or isinstance(future, Waiting):
        return False
    if isinstance(future, asyncio.Task):
        return future not in turns.tasks  # not a Task of the play: nothing is known about it
    children = getattr(future, "_children", None)
    if children is not None:  # the future of a gather
        return any(_resolves(child, None, turns) for child in children)
    works = turns.session.turns.works
    if future in works:
        return bool(works[future]())
    for callback, *_ in getattr(future, "_callbacks", None) or ():
        named = getattr(callback, "__qualname__", "")
        if named.startswith("_chain_future."):
            return True
        if named.startswith("shield."):
            inner = _free(callback, "inner")
            return inner is None or _resolves(inner, None, turns)
    return _awaits_outside(coro, turns)


def _awaits_outside(coro: Any, turns: Loop) -> bool:
    """Judges a plain future by the innermost code that awaits it."""
    inner = _innermost(coro)
    if inner is None:
        return turns.has_connection()
    code: Any = next((getattr(inner, name) for name in _CODE if hasattr(inner, name)), None)
    file = getattr(code, "co_filename", "")
    if file in _OF_TASKS:
        if code.co_name == "sleep":
            return True
        frame = next((getattr(inner, name) for name in _FRAME if hasattr(inner, name)), None)
        given = frame.f_locals if frame is not None and code.co_name in ("_wait", "wait_for") else {}
        futures = [*(given.get("fs") or ()), *([given["fut"]] if isinstance(given.get("fut"), asyncio.Future) else [])]
        return any(_resolves(future, None, turns) for future in futures)
    if file in turns.session.sources.functions:
        return turns.has_connection()
    return True


def _innermost(coro: Any) -> Any:
    """The coroutine or generator that the chain of awaits ends in."""
    found = None
    for _ in range(MOST_DEEP):
        if isinstance(coro, _RUNS):
            found = coro
            following = next((getattr(coro, name) for name in _NEXT if hasattr(coro, name)), None)
        else:  # the iterators of `__await__`, `asend` and `anext` do not reveal what they wrap
            following = next((inner for inner in gc.get_referents(coro) if isinstance(inner, (*_RUNS, Awaited))), None)
        if following is None or isinstance(following, asyncio.Future):
            break
        coro = following
    return found


def _free(callback: Any, name: str) -> Any:
    names, cells = callback.__code__.co_freevars, callback.__closure__ or ()
    return next((cell.cell_contents for free, cell in zip(names, cells) if free == name), None)


def has_timer(loop: Any) -> bool:
    """Whether there is a timer that is not the timeout of one of asyncio's constructs."""
    return any(
        not handle._cancelled and not getattr(handle._callback, "__hero_timeout__", False) for handle in loop._scheduled
    )


def has_connection(selector: Any) -> bool:
    """Whether anything is registered in addition to the loop's own wake-up pipe and the lane to the executor."""
    return any(not _is_ours(key.data) for key in selector.get_map().values())


def _is_ours(data: Any) -> bool:
    for handle in data or ():
        if handle is not None:
            callback = handle._callback
            owner = getattr(callback, "__self__", None)
            module = type(owner).__module__
            if callback.__name__ == "_read_from_self" or module == "hero_tracing._control":
                return True
    return False
