"""Runs the entry flow of a play, whose outcome ends the play instead of being committed as a step's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

from . import _identity, _outcome
from ._calls import RunBody, body_now, body_of, encoded
from ._commits import DurableCommits
from ._declare import Declaration
from ._effects import run_async
from ._error_json import describe, happened_in
from ._node import Node
from ._open_call import OpenCall
from ._pipeline import PipelinedCommits
from ._questions import Questions
from ._session import EventLane, Lane, Session
from ._spans import Span
from ._turns import Turns

before_end: list[
    Callable[[], None]
] = []  # called before the root's span ends, by what still has spans of its own to end


class Outcome(NamedTuple):
    """How the entry flow ended: the JSON text of its output, or its error."""

    text: str | None
    error: BaseException | None
    span: Span | None = None


def new_session(lane: Lane, events: EventLane, *, pipelined: bool = False, **identity: Any) -> Session:
    """A session and the implementations behind its interfaces."""
    session = Session(lane, events, **identity)
    session.commits = PipelinedCommits(session) if pipelined else DurableCommits(session)
    session.questions = Questions(session)
    session.turns = Turns(session)
    return session


def start_root(session: Session, declaration: Declaration) -> OpenCall:
    """Opens the root span; the body runs in its context from now on."""
    span = Span(session, session.span_id(_identity.ROOT_PLACE), declaration.name)
    node = Node(session, None, span, _identity.ROOT_PLACE, declaration.is_async)
    call = OpenCall(session, declaration, node)
    call.open(session.parent_span_id, "flow_root")
    return call


def end_root(call: OpenCall, outcome: _outcome.Outcome) -> Outcome:
    """Encodes the result, ends the span and returns the output's JSON text or the error."""
    value, error = outcome
    session, span = call.session, call.node.span
    duration_ms = (perf_counter() - span.started) * 1000
    text = None
    if error is None:
        text, error = encoded(call.declaration, value)
        del value, outcome
        try:
            session.check_awaited()
        except Exception as missing:
            text, error = None, missing
    for end in before_end:
        end()
    if error is None:
        span.end("success", duration_ms=duration_ms, output=text, soft=False)
    elif isinstance(error, (SystemExit, KeyboardInterrupt)):
        span.end("cancelled", duration_ms=duration_ms, soft=False)
    else:
        happened_in(error, span.id)
        span.end("failed", duration_ms=duration_ms, error=describe(error), soft=False)
    if not isinstance(error, (SystemExit, KeyboardInterrupt)) and not call.node.open:
        session.memory.ended("", call.declaration.name)
    call.node.close()
    return Outcome(text, error, span)


def run_root(session: Session, declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
    """Runs the entry flow, sync or async, to its end."""
    if declaration.is_async:
        return _run_loop(session, declaration, args, kwargs)
    call = start_root(session, declaration)
    return end_root(call, body_now(call, RunBody(declaration, args, kwargs)))


async def run_root_async(
    session: Session, declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Outcome:
    call = start_root(session, declaration)
    session.turns.joined(asyncio.current_task())
    return end_root(call, await run_async(body_of(call, RunBody(declaration, args, kwargs))))


def _run_loop(session: Session, declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
    try:
        return asyncio.run(run_root_async(session, declaration, args, kwargs))
    except (SystemExit, KeyboardInterrupt) as leaving:  # from another Task: asyncio lets them pass immediately
        return Outcome(None, leaving)
