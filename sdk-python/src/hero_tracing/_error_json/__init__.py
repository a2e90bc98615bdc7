"""Errors in memory: how an error is stored, and how it is rebuilt for the caller, in the first run and in a replay.

`outcome` writes an error as JSON, and `rebuild` makes the error from it. `classes` finds its class, `packing` writes its arguments
and attributes, `frames` its traceback. `trail` keeps the spans that it passed through, `describe` makes the text that people read.
"""

from .classes import load_modules_by
from .describe import describe, text_of, traceback_of
from .frames import leaving
from .outcome import error_json, is_remembered, rebuild, recall, remembered_error
from .trail import arose_in, happened_in, note_members, spans_of

__all__ = [
    "arose_in",
    "describe",
    "error_json",
    "happened_in",
    "is_remembered",
    "leaving",
    "load_modules_by",
    "note_members",
    "rebuild",
    "recall",
    "remembered_error",
    "spans_of",
    "text_of",
    "traceback_of",
]
