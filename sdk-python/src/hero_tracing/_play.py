"""One attempt of a play: the entry point of the fork server's child."""

from __future__ import annotations

import json
import socket
import sys
from json.encoder import encode_basestring as quoted
from typing import Any, NoReturn

from . import _events, _places, _tasks
from ._control import EXIT_DISCONNECTED, ControlLane, garbage
from ._declare import Declaration
from ._errors import OptionError, Refused
from ._output import Budget, Output
from ._memory import Memory
from ._remember import describe, happened_in, spans_of
from ._root import run_root
from ._questions import leave
from ._session import Session, activate
from ._source import FILE, Functions, load_source
from ._telemetry import Telemetry

__all__ = ["EXIT_DISCONNECTED", "run_play"]


def run_play(control: socket.socket, telemetry: socket.socket) -> int:
    """Runs one attempt over its two connections and returns the exit code of the process.

    The caller has sent the `hello` line on both connections already (they are not counted in `emitted`) and has entered
    the sandbox and the play's working directory. The caller ends the process with `os._exit(code)`: 0 after a committed
    end; another code where the play ended itself by `SystemExit`. A suspended play leaves by `os._exit(75)` itself, and
    a play whose executor is gone, or said something that is no frame, by `os._exit(71)`.
    """
    lane = ControlLane(control)
    events = Telemetry(telemetry)
    start, memory = _read_start(lane)
    budget = Budget()
    out, err = Output("stdout", 1, events, budget), Output("stderr", 2, events, budget)
    session = Session(
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

    session.questions.before_leaving = end_lines
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err
    activate(session)
    _tasks.install()
    try:
        text, error = _run(session, start)
        if isinstance(error, SystemExit):
            return _exit_code(error)
        if isinstance(error, KeyboardInterrupt):
            return 130
        end_lines()
        out.tell_cut()
        return _end(session, text, error)
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


def _run(session: Session, start: dict[str, Any]) -> tuple[str | None, BaseException | None]:
    functions: Functions = {}
    try:
        module, functions = load_source(start["source"])
        declaration = getattr(getattr(module, start["entry"], None), "__hero_flow__", None)
        if not isinstance(declaration, Declaration):
            raise OptionError(f"the source has no flow {start['entry']!r}: decorate a function of that name with @flow")
        session.sources[FILE] = functions
        kwargs = declaration.root_arguments(json.loads(start["input"]))
    except BaseException as error:
        return None, _failed_to_load(session, start, error)
    return run_root(session, declaration, (), kwargs)


def _failed_to_load(session: Session, start: dict[str, Any], error: BaseException) -> BaseException:
    """The source did not load, or has no such entry: the root span exists all the same, and says why."""
    span = session.root.span
    span.name = start["workflow_name"]
    span.start(session.parent_span_id, "flow_root", _places.ROOT_PLACE, "{}", FILE, None)
    if isinstance(error, (SystemExit, KeyboardInterrupt)):
        span.end("cancelled")
    else:
        happened_in(error, span.id)
        span.end("failed", error=describe(error))
    return error


def _end(session: Session, text: str | None, error: BaseException | None) -> int:
    if error is None:
        reply = _send_end(session, "success", text, None)
        if reply.get("t") == "done":
            return 0
        error = Refused(reply.get("code", ""), reply.get("message", ""))
        happened_in(error, session.root.span.id)
        session.root.span.end("failed", error=describe(error), soft=False)
    for output in (session.last_output, None):
        reply = _send_end(session, "failed", output, error)
        if reply.get("t") == "done":
            return 0
    sys.stderr.write(f"hero_tracing: the end of the play was refused: {reply.get('message', '')}\n")
    return 1


def _send_end(session: Session, status: str, output: str | None, error: BaseException | None) -> dict[str, Any]:
    shown = "null"
    if error is not None:
        told = {name: _events.cut(text) for name, text in describe(error).items()}
        told["message"] = told["message"].replace("\x00", "\ufffd")
        told["traceback"] = told["traceback"].replace("\x00", "\ufffd")
        span_id = getattr(error, "__hero_span__", None) or session.root.span.id
        shown = json.dumps({**told, "span_id": span_id}, ensure_ascii=False)
    session.drain()
    return _end_frame(session, status, output, shown, spans_of(error) if error is not None else [])


def end_failed(session: Session, error: BaseException) -> NoReturn:
    """Ends the play from any thread, with nothing unwound."""
    session.questions.before_leaving()
    shown = json.dumps({**describe(error), "span_id": session.root.span.id}, ensure_ascii=False)
    _end_frame(session, "failed", None, shown, [session.root.span.id])
    leave(0)


def _end_frame(session: Session, status: str, output: str | None, error: str, failed_at: list[str]) -> dict[str, Any]:
    emitted = session.telemetry.flush(1.0)
    return session.lane.request(
        "end",
        f'"status":"{status}","output":{"null" if output is None else quoted(output)},"error":{error},'
        f'"failed_at":{json.dumps(failed_at)},"cost_usd":{session.take_cost()!r},"emitted":{emitted}'
        f"{session.memory.take_difference()}",
    )


def _exit_code(leaving: SystemExit) -> int:
    """As Python itself makes an exit code of it."""
    code = leaving.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1
