"""Tracebacks: the frames of an error as data, and a traceback that is rebuilt from them.

Rules:
 1. The frames of the SDK are left out: they differ in a replay.
 2. The text of a rebuilt traceback is the same in the first run and in a replay: a flow may pass the text to a
    step, and a replay must find that step again.
"""

from __future__ import annotations

import linecache
import os
import sys
from types import FrameType, TracebackType
from typing import Any

Frame = list[Any]  # file, line, function, the line's text
_SDK = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_FIRST, _LAST = 16, 48
MOST_LINES = 100_000
_TEMPLATE = compile("__hero_frame__ = __hero_frame__()", "?", "exec")


def of_sdk(file: str) -> bool:
    return file.startswith(_SDK)


def frames_of(error: BaseException) -> list[Frame]:
    """The frames of an error, the outermost first. If there are very many, the middle ones are left out."""
    found: list[TracebackType] = []
    step = error.__traceback__
    while step is not None:
        if not of_sdk(step.tb_frame.f_code.co_filename):
            found.append(step)
        step = step.tb_next
    left_out = len(found) - _FIRST - _LAST
    if left_out <= 0:
        return [_described(one) for one in found]
    middle = ["…", 0, f"({left_out} more calls)", ""]
    return [*map(_described, found[:_FIRST]), middle, *map(_described, found[-_LAST:])]


def traceback_of_frames(frames: list[Frame]) -> TracebackType | None:
    """A traceback that shows these frames. It is for printing only: the frames have no variables."""
    made: TracebackType | None = None
    for file, line, function, text in reversed(frames):
        _know(file, line, text)
        made = TracebackType(made, _frame(file, function), -1, line)
    return made


def leaving(error: BaseException) -> BaseException:
    """The error, to be raised in the flow, without the frames of the SDK (rule 1)."""
    step = error.__traceback__
    while step is not None and of_sdk(step.tb_frame.f_code.co_filename):
        step = step.tb_next
    BaseException.with_traceback(error, step)
    return error


def _described(step: TracebackType) -> Frame:
    code = step.tb_frame.f_code
    text = linecache.getline(code.co_filename, step.tb_lineno, step.tb_frame.f_globals).strip()
    return [code.co_filename, step.tb_lineno, code.co_name, text[:1000]]


def _frame(file: str, function: str) -> FrameType:
    named: dict[str, Any] = {"co_filename": file, "co_name": function, "co_firstlineno": 1}
    if sys.version_info >= (3, 11):
        named["co_qualname"] = function
    variables: dict[str, Any] = {"__hero_frame__": _calling_frame}
    exec(_TEMPLATE.replace(**named), variables)
    made: FrameType = variables.pop("__hero_frame__")
    return made


def _calling_frame() -> FrameType:
    return sys._getframe(1)


_known: dict[str, list[str]] = {}


def _know(file: str, line: int, text: str) -> None:
    """Registers lines from memory, because a replay may not have loaded their source (for example that of an invoked workflow)."""
    if not text or not 0 < line < MOST_LINES:
        return
    lines = linecache.getlines(file)
    if not lines:
        lines = _known[file] = []
        linecache.cache[file] = (1, None, lines, file)
    elif lines is not _known.get(file):
        return
    lines.extend(["\n"] * (line - len(lines)))
    lines[line - 1] = text + "\n"
