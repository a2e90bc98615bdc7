"""Flows whose errors are compared: what the first run saw, and what a replay sees."""

from __future__ import annotations

import sys
from typing import Any

import pytest

groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are of Python 3.11")

# `told` writes down all that a flow can see of an error. `both` runs a flow twice, the second time from memory alone.
HEAD = """
import asyncio, dataclasses, json, traceback
from hero_tracing import flow

def told(error, depth=0):
    if error is None or depth > 5:
        return None
    args = [told(one, depth + 1) if isinstance(one, BaseException) else repr(one) for one in error.args]
    seen = {
        "type": [type(error).__module__, type(error).__qualname__], "str": str(error), "repr": repr(error), "args": args,
        "notes": getattr(error, "__notes__", None),
        "cause": told(error.__cause__, depth + 1), "context": told(error.__context__, depth + 1),
        "suppress": error.__suppress_context__,
        "members": [told(one, depth + 1) for one in getattr(error, "exceptions", ())],
        "vars": {name: repr(value) for name, value in vars(error).items() if not name.startswith("__")},
    }
    for name in ("code", "errno", "strerror", "filename", "filename2", "reason", "start", "end", "object", "encoding",
                 "value", "name", "path", "msg", "doc", "pos", "lineno", "colno", "offset", "text", "returncode", "extra"):
        try:
            seen[name] = repr(getattr(error, name))
        except AttributeError:
            pass
    if depth == 0:
        seen["traceback"] = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return seen
"""
MAIN = """
@flow
def main():
    try:
        bad()
    except BaseException as error:
        return told(error)
"""


def both(play: Any, source: str, **start: Any) -> dict[str, Any]:
    """Plays it, and once more from what it remembered; returns what the flow saw, the same in both."""
    executor = play(HEAD + source, **start)
    first = executor.run()
    assert first.code == 0 and executor.error is None, executor.error
    was, commits = executor.output, len(executor.commits)
    again = executor.run()
    assert again.code == 0 and len(executor.commits) == commits, "nothing runs again"
    assert executor.output == was
    return was  # type: ignore[no-any-return]
