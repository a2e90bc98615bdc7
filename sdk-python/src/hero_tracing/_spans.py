"""Spans: the visible form of nodes. A flow call, a `flow.step`, a map and a pause have one; a branch has none."""

from __future__ import annotations

import threading
from time import perf_counter
from typing import Any

from . import _events
from ._errors import OptionError
from ._sanitise import clean_object, tags_json
from ._session import Session


class Span:
    """One node of the live tree: the same place has the same span id in every attempt."""

    __slots__ = ("session", "id", "name", "started", "cost_usd", "usage", "child_play_sid")

    def __init__(self, session: Session, id: str, name: str) -> None:
        self.session = session
        self.id = id
        self.name = name
        self.started = 0.0
        self.cost_usd = 0.0
        self.usage: dict[str, Any] | None = None
        self.child_play_sid: str | None = None

    def start(self, parent: str | None, kind: str, place: str, tags: str, file: str | None, line: int | None) -> None:
        self.session.telemetry.emit(_events.span_started(self.id, parent, self.name, kind, place, tags, file, line))
        self.started = perf_counter()

    def end(
        self,
        status: str,
        *,
        at: str | None = None,
        duration_ms: float | None = None,
        key: str | None = None,
        output: str | None = None,
        error: dict[str, str] | None = None,
        soft: bool = True,
    ) -> None:
        line = _events.span_ended(
            at or _events.now(),
            self.id,
            status,
            (perf_counter() - self.started) * 1000 if duration_ms is None else duration_ms,
            key=key,
            output=output,
            error=error,
            cost_usd=self.cost_usd,
            usage=tags_json(clean_object(self.usage)) if self.usage else None,
            child_play_sid=self.child_play_sid,
        )
        self.session.telemetry.emit(line, soft)

    def tag(self, name: str, value: Any) -> None:
        tags = clean_object({str(name): value})
        self.session.telemetry.emit(_events.span_tagged(self.id, tags_json(tags)))

    def log(self, text: Any) -> None:
        self.session.telemetry.emit(_events.log(self.id, text if isinstance(text, str) else str(text)))

    def cost(self, usd: float, usage: dict[str, Any]) -> None:
        """Adds up a cost; raises OptionError unless it is a number, 0 or more: a NaN would make the JSON line unreadable."""
        usd = _amount(usd)
        with _cost_lock:
            self.cost_usd += usd
            merged = self.usage = dict(self.usage or {})
            for name, value in usage.items():
                before = merged.get(name)
                both = _is_number(value) and _is_number(before)
                merged[name] = before + value if both else value
        self.session.cost.add(usd)


def show_replayed(
    session: Session,
    parent_id: str,
    span_id: str,
    name: str,
    place: str,
    kind: str = "other",
    output: str | None = None,
    error: dict[str, str] | None = None,
) -> None:
    """Reports a call that does not run because it is remembered. In the first attempt of a fork its span must also be started, because no viewer has it yet."""
    if session.first:
        line = _events.span_started(span_id, parent_id, name, kind, place, "{}", None, None)
        session.telemetry.emit(line, True)
    session.telemetry.emit(_events.span_replayed(span_id, output, error), True)


_cost_lock = threading.Lock()


def _amount(usd: Any) -> float:
    try:
        amount = -1.0 if isinstance(usd, (bool, str)) else float(usd)
    except (TypeError, ValueError, OverflowError):
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise OptionError(f"cost: usd must be a number of dollars, 0 or more, not {usd!r}")
    return amount


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
