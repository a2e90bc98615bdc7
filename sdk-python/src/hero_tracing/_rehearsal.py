"""Runs a tiny flow against a scripted executor in this process, before it is known which play the process becomes.

A forked process pays for each page of memory when it first writes to it. A rehearsal writes to those that every play
touches (parser, compiler, turns, JSON, events), while nobody waits.

A play must not be able to tell that there was one: what it leaves behind is taken away again, and it uses nothing that is
numbered or random in the process (Tasks, threads, `random`).
"""

from __future__ import annotations

import gc
import json
import linecache
import sys
from contextvars import copy_context
from typing import Any

from ._control import ControlLane
from ._error_json import load_modules_by
from ._play import run_attempt
from ._source import FILE, MODULE
from ._telemetry import Telemetry

_SOURCE = """\
from hero_tracing import flow

@flow
def double(n: int) -> int:
    return 2 * n

@flow(name="rehearsal", inputs={"n": {"type": "integer"}}, outputs={"n": {"type": "integer"}})
def main(n: int = 1):
    print("a line")
    with flow.step("block", tone="plain"):
        return {"n": double(n)}
"""
_START = {
    "t": "start",
    "play_sid": "rehearsal",
    "attempt": 1,
    "version_sid": "rehearsal",
    "workflow_name": "rehearsal",
    "source": _SOURCE,
    "entry": "main",
    "options": {},
    "input": '{"n": 1}',
    "sandbox": {"level": "default", "enforced": [], "missing": []},
    "always_replay": False,
    "parent_span_id": None,
}


class _Script:
    """In place of a connection to the executor: every request is done."""

    def __init__(self, *first: dict[str, Any]) -> None:
        self._replies = [json.dumps(frame).encode() + b"\n" for frame in first]

    def setblocking(self, flag: bool) -> None:
        """Nothing here blocks."""

    def recv(self, size: int, flags: int = 0) -> bytes:
        return self._replies.pop(0)

    def sendall(self, data: bytes) -> None:
        self._replies.append(b'{"t":"done","id":%d}\n' % json.loads(data)["id"])

    def send(self, data: bytes) -> int:
        return len(data)


class _Events(Telemetry):
    """Starts no thread: a process that has one is not to be forked."""

    def _flush_later(self) -> None:
        """The end of the flow writes all that waits."""


def rehearse() -> None:
    """Leaves no trace but memory that is this process's own."""
    control: Any = _Script(_START, {"t": "go"})
    telemetry: Any = _Script()
    code = copy_context().run(run_attempt, ControlLane(control), _Events(telemetry), lambda play_sid: None)
    if code != 0:
        raise RuntimeError(f"the rehearsal of a play ended with {code}")
    load_modules_by(None)
    sys.modules.pop(MODULE, None)
    linecache.cache.pop(FILE, None)
    gc.collect()
    gc.freeze()
