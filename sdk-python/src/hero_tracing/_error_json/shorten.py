"""An outcome that is too large for memory is shortened: texts are cut, long lists end early, and a note says so."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._events import cut

OUTCOME_LIMIT = 16 * 1024 * 1024


class Limits(NamedTuple):
    """Limits for one round of shortening. `errors`: the number of related errors."""

    text: int
    items: int
    errors: int
    frames: bool


# These are tried in order until the outcome fits.
LIMITS = (Limits(256 * 1024, 10_000, 20_000, True), Limits(4096, 100, 2_000, True), Limits(200, 5, 1_000, False))


def shortened(entries: list[dict[str, Any]], limits: Limits, size: int) -> list[dict[str, Any]]:
    """The entries within these limits. References to errors that are left out are removed."""
    kept = [_entry(entry, limits) for entry in entries[: limits.errors]]
    data = kept[0]["data"]
    note = f"hero_tracing: this error was shortened to be remembered: it had {size / 2**20:.1f} MiB, and 16 fit"
    data["notes"] = [*data.get("notes", ()), note]
    return kept


def _entry(entry: dict[str, Any], limits: Limits) -> dict[str, Any]:
    data = dict(entry["data"])
    for name in ("members", "cause", "context"):
        if name in data:
            data[name] = [number for number in data[name] if number < limits.errors]
    for name in ("args", "attributes", "notes", "text"):
        if name in data:
            data[name] = _value(data[name], limits)
    if not limits.frames:
        data["frames"] = []
    return {**entry, "message": cut(entry["message"], limits.text), "data": data}


def _value(value: Any, limits: Limits) -> Any:
    if isinstance(value, str):
        return cut(value, limits.text)
    if isinstance(value, list):
        return [_value(inner, limits) for inner in value[: limits.items]]
    if isinstance(value, dict):
        if value.get("$hero") == "error":
            return value if value["v"] < limits.errors else None
        if value.get("$hero") in ("bytes", "int"):
            return value if len(value["v"]) <= limits.text else None
        return {key[: limits.text]: _value(inner, limits) for key, inner in list(value.items())[: limits.items]}
    return value
