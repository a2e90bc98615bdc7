"""One attempt of a play: the entry point of the fork server's child."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from . import _identity, _tasks
from ._control import ControlLane
from ._declare import Declaration
from ._ending import send_end
from ._error_json import describe, happened_in, load_modules_by
from ._errors import OptionError, Refused
from ._exit import EXIT_DISCONNECTED, garbage
from ._memory import Memory
from ._root import Outcome, new_session, run_root
from ._session import Session, activate
from ._source import FILE, Functions, load_source
from ._spans import Span
from ._stdout import Budget, Output
from ._telemetry import Telemetry
from ._workflow import load_for_error

__all__ = ["EXIT_DISCONNECTED", "run_play"]


def run_play(
    control: socket.socket, telemetry: socket.socket, begin: Callable[[str], None] = lambda play_sid: None
) -> int:
    """Runs one attempt over its two connections and returns the exit code of the process.

    The caller has sent the `hello` line on both connections already (they are not counted in `emitted`) and has entered
    the sandbox and the play's working directory. `begin` is called once, when it is known which play this is and before
    any of its code runs. The caller ends the process with `os._exit(code)`: 0 after a committed
    end; another code where the play ended itself by `SystemExit`. A suspended play leaves by `os._exit(75)` itself, and
    a play whose executor disconnected, or sent something that is not a frame, by `os._exit(71)`.
    """
    return run_attempt(ControlLane(control), Telemetry(telemetry), begin)


def run_attempt(lane: ControlLane, events: Telemetry, begin: Callable[[str], None]) -> int:
    """The same over two lanes."""
    start, memory = _read_start(lane)
    begin(start["play_sid"])
    budget = Budget()
    out, err = Output("stdout", 1, events, budget), Output("stderr", 2, events, budget)
    session = new_session(
        lane,
        events,
        play_sid=start["play_sid"],
        version_sid=start["version_sid"],
        attempt=start["attempt"],
        always_replay=start["always_replay"],
        memory=memory,
        parent_span_id=start["parent_span_id"],
        pipelined=start["options"].get("durability") == "pipelined",
        file=FILE,
    )

    def end_lines() -> None:
        out.end()
        err.end()

    session.before_leaving = end_lines
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err
    activate(session)
    load_modules_by(partial(load_for_error, session))
    _tasks.install()
    try:
        outcome = _run(session, start)
        if isinstance(outcome.error, SystemExit):
            return _exit_code(outcome.error)
        if isinstance(outcome.error, KeyboardInterrupt):
            return 130
        end_lines()
        out.tell_cut()
        return _end(session, outcome)
    finally:
        end_lines()
        events.flush(1.0)
        activate(None)
        sys.stdout, sys.stderr = before


def _read_start(lane: ControlLane) -> tuple[dict[str, Any], Memory]:
    start = lane.receive()
    if start["t"] != "start":
        garbage()
    items: list[Any] = []
    while (frame := lane.receive())["t"] != "go":
        if frame["t"] != "memory":
            garbage()
        items += frame["items"]
    return start, Memory(items)


def _run(session: Session, start: dict[str, Any]) -> Outcome:
    functions: Functions = {}
    try:
        module, functions = load_source(start["source"])
        declaration = getattr(getattr(module, start["entry"], None), "__hero_flow__", None)
        if not isinstance(declaration, Declaration):
            raise OptionError(f"the source has no flow {start['entry']!r}: decorate a function of that name with @flow")
        session.sources.functions[FILE] = functions
        kwargs = declaration.root_arguments(json.loads(start["input"]))
    except BaseException as error:
        return _failed_to_load(session, start, error)
    return run_root(session, declaration, (), kwargs)


def _failed_to_load(session: Session, start: dict[str, Any], error: BaseException) -> Outcome:
    """The source did not load, or has no such entry: the root span exists all the same, and says why."""
    span = Span(session, session.span_id(_identity.ROOT_PLACE), start["workflow_name"])
    span.start(session.parent_span_id, "flow_root", _identity.ROOT_PLACE, "{}", FILE, None)
    if isinstance(error, (SystemExit, KeyboardInterrupt)):
        span.end("cancelled")
    else:
        happened_in(error, span.id)
        span.end("failed", error=describe(error))
    return Outcome(None, error, span)


def _end(session: Session, outcome: Outcome) -> int:
    error, span = outcome.error, outcome.span
    if error is None:
        reply = send_end(session, "success", outcome.text, None)
        if reply.get("t") == "done":
            return 0
        error = Refused(reply.get("code", ""), reply.get("message", ""))
        assert span is not None
        happened_in(error, span.id)
        span.end("failed", error=describe(error), soft=False)
    for output in (session.last_output, None):
        reply = send_end(session, "failed", output, error)
        if reply.get("t") == "done":
            return 0
    sys.stderr.write(f"hero_tracing: the end of the play was refused: {reply.get('message', '')}\n")
    return 1


def _exit_code(leaving: SystemExit) -> int:
    """As Python itself makes an exit code of it."""
    code = leaving.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1
