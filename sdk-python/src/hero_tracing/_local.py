"""Outside the runtime: the same flow, with its spans printed as a tree and its pauses asked on the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import _tasks
from ._canonical import canonical
from ._declare import Declaration
from ._local_lane import LocalLane
from ._local_memory import FileMemory, LocalMemory
from ._root import Outcome, new_session, run_root, run_root_async
from ._secrets import redactor
from ._session import Session, activate
from ._terminal import answer_on_terminal, print_tree


class LocalEvents:
    """Keeps the events until the tree is shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def emit(self, line: str, soft: bool = False) -> None:
        self.lines.append(redactor.event(line))

    def flush(self, seconds: float = 0) -> int:
        return len(self.lines)

    def detach(self) -> None:
        """Like that of the lane."""


class Surroundings:
    """What a flow outside the runtime runs in; a command and a test set their own."""

    def __init__(self, folder: str | None = None, show: Callable[[list[str]], None] | None = None) -> None:
        self.folder = folder
        self.show = show or (lambda lines: print_tree(lines, sys.stderr))

    def memory(
        self, declaration: Declaration, file: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> LocalMemory:
        """What is remembered: for this run, or in a folder."""
        if self.folder is None:
            return LocalMemory()
        source = Path(file).read_text("utf-8") if file and Path(file).is_file() else ""
        memory = FileMemory(
            self.folder, declaration.name, canonical([source, declaration.name, declaration.bind(args, kwargs)])
        )
        if len(memory):
            print(f"{len(memory)} outcomes are remembered in {memory.path}; remove it to start afresh", file=sys.stderr)
        return memory

    def lane(self, file: str | None, memory: LocalMemory, lines: list[str]) -> LocalLane:
        """What stands for the executor; `lines` are the events so far."""
        return LocalLane(file, memory, answer_on_terminal)


_surroundings = Surroundings()


def use(other: Surroundings) -> Surroundings:
    """Uses these from now on; returns those before."""
    global _surroundings
    before, _surroundings = _surroundings, other
    return before


def run_local(declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if declaration.is_async:
        raise AssertionError("run_local_async runs async flows")
    session, events, memory = _begin(declaration, args, kwargs)
    try:
        outcome = run_root(session, declaration, args, kwargs)
    finally:
        activate(None)
        memory.close()
    return _result(events, outcome)


async def run_local_async(declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    session, events, memory = _begin(declaration, args, kwargs)
    try:
        outcome = await run_root_async(session, declaration, args, kwargs)
    finally:
        activate(None)
        memory.close()
    return _result(events, outcome)


def _begin(
    declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Session, LocalEvents, LocalMemory]:
    events = LocalEvents()
    code = getattr(declaration.fn, "__code__", None)
    file = code.co_filename if code else None
    memory = _surroundings.memory(declaration, file, args, kwargs)
    lane = _surroundings.lane(file, memory, events.lines)
    lane.secrets.declared = declaration.secrets
    session = new_session(
        lane,
        events,
        play_sid=memory.play_sid,
        version_sid="local",
        memory=memory.items(),
        file=file,
        spawns=False,
    )
    _tasks.install()
    activate(session)
    return session, events, memory


def _result(events: LocalEvents, outcome: Outcome) -> Any:
    _surroundings.show(events.lines)
    if outcome.error is not None:
        raise outcome.error
    return json.loads(outcome.text or "null")
