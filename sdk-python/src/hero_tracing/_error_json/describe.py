"""Describes an error for people: its type, its message, and a traceback of the flow's own frames."""

from __future__ import annotations

import sys
import traceback

from .._errors import Failed
from .._sanitise import clean_text
from .._secrets import redactor
from .._stack import with_stack
from .frames import of_sdk
from .trail import attribute

TRACEBACK_LIMIT = 32 * 1024


def describe(error: BaseException) -> dict[str, str]:
    """`{type, message, traceback}`, all of it text that can be stored."""
    return with_stack(lambda: _described(error))


def _described(error: BaseException) -> dict[str, str]:
    return {
        "type": clean_text(type(error).__qualname__),
        "message": text_of(error),
        "traceback": traceback_of(error),
    }


def text_of(error: BaseException) -> str:
    """The text of an error, or of any object that `str` can convert.

    >>> text_of(ValueError("half of a pair: " + chr(0xD800)))
    'half of a pair: \ufffd'
    """
    try:
        text = with_stack(lambda: str(error))
    except Exception:
        text = f"<{type(error).__name__}: its __str__ failed>"
    return redactor.text(clean_text(text))


def traceback_of(error: BaseException) -> str:
    """The traceback without the SDK's frames, chained errors included. A `flow.Failed` has none."""
    if isinstance(error, Failed):
        return ""
    try:
        text = with_stack(lambda: _formatted(error))
    except Exception:
        return text_of(error)
    if sys.version_info < (3, 11):
        notes = attribute(error, "__notes__") or ()
        text += "".join(f"{clean_text(note)}\n" for note in notes if isinstance(note, str))
    text = redactor.text(text)  # before it is cut
    if len(text) > TRACEBACK_LIMIT:
        half = TRACEBACK_LIMIT // 2
        text = f"{text[:half]}\n… ({len(text) - 2 * half} characters left out)\n{text[-half:]}"
    return text


def _formatted(error: BaseException) -> str:
    told = traceback.TracebackException.from_exception(error, limit=None, compact=True)
    _without_sdk(told, set())
    return clean_text("".join(told.format()))


def _without_sdk(told: traceback.TracebackException, seen: set[int]) -> None:
    if id(told) in seen:
        return
    seen.add(id(told))
    told.stack[:] = [frame for frame in told.stack if not of_sdk(frame.filename)]
    for chained in (told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or ())):
        if chained is not None:
            _without_sdk(chained, seen)
