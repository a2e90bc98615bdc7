"""One call of a flow, from its place to its committed outcome, once for sync and async.

Rules:
 1. The place is counted where the call is written. If an outcome is remembered there, it is returned, and the body does not run.
 2. The outcome is committed before the caller sees it (I3), and the caller sees the decoded JSON, also the first time.
 3. SystemExit, KeyboardInterrupt and cancellation are not remembered: they close the call without an outcome.
 4. The body gets its own copy of its arguments: a replay could not repeat what the body changes in them.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from . import _events
from ._arguments import own_arguments
from ._canonical import dump, load
from ._commits import Commit
from ._declare import Declaration
from ._effects import Effect, Effects, run, run_async
from ._error_json import describe, happened_in, is_remembered, remembered_error
from ._errors import NotJson, OutputMismatch, PayloadTooLarge, ResultNotJson
from ._fields import check_outputs
from ._node import Node
from ._open_call import OpenCall
from ._outcome import Outcome
from ._recall import remembered
from ._secrets.check import secret_in
from ._step_timeout import Limited
from ._tries import Body, Try, tries

PAYLOAD_LIMIT = 16 * 1024 * 1024
_SCALARS = frozenset((str, int, float, bool, type(None)))  # decoded, their JSON is what it was made of


async def call_async(
    declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any], parent: Node, place: str
) -> Outcome:
    """The whole life of a call in a coroutine. What is remembered needs no effects: most calls of a long replay."""
    session = parent.session
    if declaration.memo and session.memory.has_outcome(place) and not session.turns.is_next(place):
        await session.turns.turn(place)
    known = remembered(declaration, parent, place)
    if known is not None:
        return known
    return await run_async(run_call(OpenCall.below(parent, declaration, place), args, kwargs))


def call_now(declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any], parent: Node) -> Outcome:
    """The same in a thread that may block."""
    place = parent.child_place(declaration.name_json, declaration.arguments(args, kwargs))
    session = parent.session
    if session.turns.threads.given and declaration.memo and session.memory.has_outcome(place):
        session.turns.turn_in_thread(place)
    known = remembered(declaration, parent, place)
    if known is not None:
        return known
    opened = OpenCall.below(parent, declaration, place)
    opened.open(parent.span.id)
    return run(commit(opened, body_now(opened, RunBody(declaration, args, kwargs))))


def run_call(opened: OpenCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Effects[Outcome]:
    """The life of a call that memory does not know."""
    parent = opened.node.above
    assert parent is not None
    opened.open(parent.span.id)
    outcome = yield from body_of(opened, RunBody(opened.declaration, args, kwargs))
    return (yield from commit(opened, outcome))


def body_of(opened: OpenCall, body: Body) -> Effects[Outcome]:
    """Runs the body as its declaration asks for; the context is the caller's again when it returns."""
    try:
        if opened.declaration.guarded:
            return (yield from tries(opened, body))
        outcome: Outcome = yield body
        return outcome
    except BaseException as error:
        return None, error
    finally:
        opened.leave()


def body_now(opened: OpenCall, body: Body) -> Outcome:
    """The same in a thread that may block. A body that nothing guards needs no effects."""
    if opened.declaration.guarded:
        return run(body_of(opened, body))
    try:
        outcome: Outcome = body.perform()
        return outcome
    finally:
        opened.leave()


class RunBody:
    """The effect of running a flow's function; its error is an outcome too."""

    __slots__ = ("_declaration", "_args", "_kwargs")

    def __init__(self, declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._declaration = declaration
        self._args = args
        self._kwargs = kwargs

    def perform(self) -> Outcome:
        try:
            args, kwargs = self._own_arguments()
            return self._declaration.fn(*args, **kwargs), None
        except BaseException as error:
            return None, error

    def limited(self, attempt: Try, seconds: float) -> Effect:
        return Limited(attempt, seconds, self)

    async def perform_async(self) -> Outcome:
        try:
            args, kwargs = self._own_arguments()
            return await self._declaration.fn(*args, **kwargs), None
        except BaseException as error:
            return None, error

    def _own_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The body's copy (rule 4). With `memo=False` the body runs in each attempt and repeats its changes, so that it needs none."""
        if not self._declaration.memo:
            return self._args, self._kwargs
        return own_arguments(self._declaration, self._args, self._kwargs)


def commit(opened: OpenCall, outcome: Outcome) -> Effects[Outcome]:
    """Commits what the body ended with, closes the call, and returns what the caller gets."""
    value, error = outcome
    session, span, memo = opened.session, opened.node.span, opened.declaration.memo
    at, duration_ms = _events.now(), (perf_counter() - span.started) * 1000
    text = None
    try:
        if error is None:
            text, error = encoded(opened.declaration, value)
        elif not is_remembered(error):
            span.end("cancelled", at=at, duration_ms=duration_ms)
            return None, error
        if text is not None and memo and not opened.committed:
            error = yield Commit(session, opened.step("value", text))
        if error is not None:
            happened_in(error, span.id)
            described = describe(error)
            if memo:
                kept, error = remembered_error(error, described)
                if not opened.committed:
                    yield Commit(session, opened.step("error", kept))
            span.end("failed", at=at, duration_ms=duration_ms, key=opened.key, error=described)
            return None, error
        assert text is not None
        session.last_output = text
        span.end("success", at=at, duration_ms=duration_ms, key=opened.key, output=text)
        return value if type(value) in _SCALARS else load(text), None
    finally:
        opened.close(error is not None and not is_remembered(error))
        del value, error, outcome


def encoded(declaration: Declaration, value: Any) -> tuple[str | None, BaseException | None]:
    """The JSON text of a result, or the error that it has none."""
    try:
        text = dump(value, "result")
        if len(text) > PAYLOAD_LIMIT // 4 and len(text.encode()) > PAYLOAD_LIMIT:
            return None, PayloadTooLarge(
                f"{declaration.name!r} returned {len(text.encode()) >> 20} MiB; the limit is 16 MiB: return the path of a file in a mounted folder"
            )
        if declaration.outputs is not None:
            check_outputs(declaration.outputs, value)
        exposed = secret_in(text, value, "result", f"return data without it (returned by {declaration.name!r})")
        return (text, None) if exposed is None else (None, exposed)
    except NotJson as problem:
        return None, ResultNotJson(problem.path, f"{problem.problem} (returned by {declaration.name!r}): return data")
    except OutputMismatch as problem:
        return None, problem
