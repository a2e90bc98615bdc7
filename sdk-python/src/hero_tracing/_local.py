"""Outside the runtime: the same flow, with its spans printed as a tree and its pauses asked on the terminal."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import _tasks
from ._declare import Declaration
from ._inspect import inspect_source
from ._root import Outcome, new_session, run_root, run_root_async
from ._session import Session, activate
from ._terminal import ask_on_terminal, print_tree


class _LocalLane:
    """Stands for the executor outside the runtime: commits keep nothing, timers sleep, and workflows are files nearby."""

    def __init__(self, file: str | None) -> None:
        self._folder = Path(file).resolve().parent if file else Path.cwd()
        self._asked: dict[str, dict[str, Any]] = {}  # what waits, by place

    def request(self, kind: str, body: str, arrived: Any = None) -> dict[str, Any]:
        frame = json.loads(f"{{{body}}}")
        if kind == "commit":
            return {"t": "done"}
        if kind in ("ask", "pause"):
            return self._wait(frame, kind == "pause")
        if kind == "resolve":
            return self._resolve(frame["workflow_name"])
        return {
            "t": "refused",
            "code": "UNAVAILABLE",
            "message": f"there is no {kind} outside the runtime: start the flow as a play",
        }

    def _wait(self, frame: dict[str, Any], at_rest: bool) -> dict[str, Any]:
        now = time.monotonic()
        for place in frame["withdrawn"]:
            self._asked.pop(place, None)
        for question in frame["questions"]:
            self._asked[question["place"]] = question
            if question["kind"] == "timer":
                question["ends"] = now + question["timeout_ms"] / 1000
        reply = self._answers(at_rest, now)
        for answer in reply.get("answers", ()):
            self._asked.pop(answer["place"], None)
        return reply

    def _answers(self, at_rest: bool, now: float) -> dict[str, Any]:
        timers = [question for question in self._asked.values() if question["kind"] == "timer"]
        asked = [question for question in self._asked.values() if question["kind"] == "question"]
        if at_rest and asked:
            return ask_on_terminal(asked)
        if at_rest and timers:
            first = min(timers, key=lambda timer: timer["ends"])
            time.sleep(max(0.0, first["ends"] - now))
            now = first["ends"]
        over = [timer["place"] for timer in timers if timer["ends"] <= now]
        return {"t": "answers", "answers": [{"place": place, "kind": "answer", "payload": "null"} for place in over]}

    def _resolve(self, name: str) -> dict[str, Any]:
        looked = [self._folder / f"{name}.py", self._folder.parent / name / "flow.py", Path("flows") / name / "flow.py"]
        for path in looked:
            if path.is_file():
                source = path.read_text("utf-8")
                found = inspect_source(source)
                if found["entry"] is not None:
                    return {
                        "t": "resolved", "version_sid": str(path), "version_number": 1, "source": source,
                        "entry": found["entry"], "file": str(path),
                    }  # fmt: skip
        where = ", ".join(map(str, looked))
        message = f"outside the runtime a workflow is a file, and none of these files exists: {where}"
        return {"t": "refused", "code": "NOT_FOUND", "message": message}

    def post(self, kind: str, body: str, replied: Callable[[dict[str, Any]], None]) -> None:
        replied(self.request(kind, body))

    def send(self, kind: str, body: str, arrived: Callable[[dict[str, Any]], None]) -> None:
        arrived(self.request(kind, body))

    def listen(self, loop: Any, woken: Callable[[], None]) -> None:
        """Does nothing: no executor sends `woken`."""

    async def request_async(self, kind: str, body: str) -> dict[str, Any]:
        return self.request(kind, body)

    def detach(self) -> None:
        """Does nothing: there is no connection that a fork would share."""


class LocalEvents:
    """Keeps the events until the tree is printed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def emit(self, line: str, soft: bool = False) -> None:
        self.lines.append(line)

    def flush(self, seconds: float = 0) -> int:
        return len(self.lines)

    def detach(self) -> None:
        """As the lane's."""


def run_local(declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if declaration.is_async:
        raise AssertionError("async flows come through run_local_async")
    session, events = _begin(declaration)
    try:
        outcome = run_root(session, declaration, args, kwargs)
    finally:
        activate(None)
    return _result(events, outcome)


async def run_local_async(declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    session, events = _begin(declaration)
    try:
        outcome = await run_root_async(session, declaration, args, kwargs)
    finally:
        activate(None)
    return _result(events, outcome)


def _begin(declaration: Declaration) -> tuple[Session, LocalEvents]:
    events = LocalEvents()
    code = getattr(declaration.fn, "__code__", None)
    file = code.co_filename if code else None
    session = new_session(
        _LocalLane(file),
        events,
        play_sid=f"local-{uuid.uuid4()}",
        version_sid="local",
        file=file,
        spawns=False,
    )
    _tasks.install()
    activate(session)
    return session, events


def _result(events: LocalEvents, outcome: Outcome) -> Any:
    print_tree(events.lines, sys.stderr)
    if outcome.error is not None:
        raise outcome.error
    return json.loads(outcome.text or "null")
