"""Outside of the runtime: the same flow, with its spans printed as a tree and its pauses asked on the terminal."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from typing import Any

from . import _tasks
from ._declare import Declaration
from ._root import run_root, run_root_async
from ._session import Session, activate
from ._terminal import ask_on_terminal, print_tree


class _LocalLane:
    """Nothing is kept: every commit is done at once."""

    def request(self, kind: str, body: str) -> dict[str, Any]:
        return {"t": "done"} if kind == "commit" else ask_on_terminal(json.loads(f"{{{body}}}")["questions"])

    def post(self, kind: str, body: str, replied: Callable[[dict[str, Any]], None]) -> None:
        replied(self.request(kind, body))

    async def request_async(self, kind: str, body: str) -> dict[str, Any]:
        return self.request(kind, body)

    def detach(self) -> None:
        """A fork may go on by itself: there is nothing to share."""


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
    return _result(events, *outcome)


async def run_local_async(declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    session, events = _begin(declaration)
    try:
        outcome = await run_root_async(session, declaration, args, kwargs)
    finally:
        activate(None)
    return _result(events, *outcome)


def _begin(declaration: Declaration) -> tuple[Session, LocalEvents]:
    events = LocalEvents()
    code = getattr(declaration.fn, "__code__", None)
    session = Session(
        _LocalLane(),
        events,
        play_sid=f"local-{uuid.uuid4()}",
        version_sid="local",
        file=code.co_filename if code else None,
    )
    _tasks.install()
    activate(session)
    return session, events


def _result(events: LocalEvents, text: str | None, error: BaseException | None) -> Any:
    print_tree(events.lines, sys.stderr)
    if error is not None:
        raise error
    return json.loads(text or "null")
