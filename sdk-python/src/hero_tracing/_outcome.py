"""How a body or a remembered call ended: its value, or its error."""

from __future__ import annotations

from typing import Any

from ._error_json import leaving

Outcome = tuple[Any, "BaseException | None"]


def result_of(outcome: Outcome) -> Any:
    """The value, or the error raised. Not called inside a generator, which could not raise StopIteration.

    Every error is raised here, remembered or not, so that the text of its traceback is the same in a replay.
    """
    value, error = outcome
    if error is None:
        return value
    try:
        raise leaving(error)
    finally:
        del error, outcome  # no cycle through this frame
