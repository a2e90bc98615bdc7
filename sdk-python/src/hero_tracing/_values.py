"""Values that the runtime remembers for code outside a step, and sleep (docs/protocol.md, sections 1 and 3).

Rules:
 1. A value is committed before the flow sees it (I3): a replay gives the same one.
 2. A sleep of up to 2 s stays in the process and is remembered when it is over. A longer one is a timer: the process may
    exit, and a kill does not make the sleep longer.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ._canonical import dump
from ._clock import clock
from ._effects import Effects, run
from ._errors import OptionError
from ._leaf import Leaf, operate
from ._node import Node, current, here
from ._outcome import Outcome, result_of
from ._session import active
from ._sleep import SHORT_SECONDS, Sleep
from ._waits import Question

LONGEST_SECONDS = 10.0**10


def now() -> datetime:
    text: str = _remembered("now", lambda: clock().now().isoformat(timespec="microseconds"))
    return datetime.fromisoformat(text)


def make_uuid() -> str:
    text: str = _remembered("uuid", lambda: str(uuid.uuid4()))
    return text


def make_random() -> float:
    return float(_remembered("random", random.random))


def _remembered(name: str, make: Callable[[], Any]) -> Any:
    if current.get(None) is None and active() is None:
        return make()  # there is no play that could remember it
    node = here(f"flow.{name}()")
    return result_of(run(_value(node, name, make)))


def _value(node: Node, name: str, make: Callable[[], Any]) -> Effects[Outcome]:
    with Leaf(node, name, role="value") as leaf:
        if leaf.known is not None:
            return leaf.known
        return (yield from leaf.keep(dump(make())))


def sleep(seconds: float) -> Any:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < LONGEST_SECONDS:
        raise OptionError("flow.sleep: seconds must be a number, 0 or more")
    what = f"flow.sleep({seconds!r})"
    return operate(what, here(what), "sleep", "null", lambda node, place: _sleep(node, place, float(seconds)))


def sleep_until(when: datetime | str) -> Any:
    until = _time(when)
    what = f"flow.sleep_until({str(when)!r})"

    def sleep(node: Node, place: str) -> Effects[Outcome]:
        return _sleep(node, place, max(0.0, until.timestamp() - clock().now().timestamp()))

    return operate(what, here(what), "sleep", "null", sleep)


def _sleep(node: Node, place: str, seconds: float) -> Effects[Outcome]:
    with Leaf(node, "sleep", place=place, tags=f'{{"seconds":{round(seconds, 3)}}}', role="sleep") as leaf:
        if leaf.known is not None:
            return leaf.known
        if seconds > SHORT_SECONDS:
            deadline = time.monotonic() + seconds
            return (
                yield Question(leaf.node, "sleep", kind="timer", deadline=deadline, default="null", role="sleep")
            ), None
        yield Sleep(seconds)
        return (yield from leaf.keep("null"))


def _time(when: datetime | str) -> datetime:
    until: Any = when
    if isinstance(when, str):
        text = when.strip()
        try:
            until = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
        except ValueError:
            until = None
    if not isinstance(until, datetime) or until.tzinfo is None:
        raise OptionError(
            "flow.sleep_until: when must be a datetime with a time zone, or an ISO 8601 string with one, for example '2027-01-31T09:30:00Z'; "
            f"not {when!r}"
        )
    return until
