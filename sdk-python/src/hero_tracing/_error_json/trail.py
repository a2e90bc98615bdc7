"""The spans that an error passed through: what `play_retry` runs again (docs/decisions/0014).

Rules:
 1. An error passes through a span when it leaves the span. A caught error does not pass through the enclosing spans.
 2. The trail is kept in memory with the error, so that a replay knows it too.
 3. An error stands for its explicit cause, for the members of its group, and for the other failed items of its map.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MOST_SPANS = 10_000
_TRAIL = "__hero_spans__"


def trail(error: BaseException) -> list[str]:
    """The spans that this error itself passed through, the innermost first."""
    found = (attribute(error, "__dict__") or {}).get(_TRAIL)
    return found if isinstance(found, list) else []


def attribute(error: BaseException, name: str) -> Any:
    """The attribute, or None if it is missing or reading it fails."""
    try:
        return getattr(error, name, None)
    except Exception:
        return None


def set_trail(error: BaseException, spans: list[str]) -> None:
    try:
        error.__dict__[_TRAIL] = spans  # not by setattr, which a frozen dataclass refuses
    except AttributeError:
        pass


def happened_in(error: BaseException, span_id: str) -> None:
    """Records that the error leaves this span."""
    spans = trail(error)
    if span_id not in spans:
        set_trail(error, [*spans, span_id])


def arose_in(error: BaseException) -> str | None:
    """The innermost span of the error."""
    spans = trail(error)
    return spans[0] if spans else None


def note_members(error: BaseException, members: Iterable[BaseException]) -> None:
    """Records that the error of a map stands for the errors of all its items."""
    others = [span for member in members if member is not error for span in spans_of(member)]
    set_trail(error, list(dict.fromkeys([*trail(error), *others]))[:MOST_SPANS])


def spans_of(error: BaseException) -> list[str]:
    """Every span that the error passed through, with those that it stands for (rule 3)."""
    found: dict[str, None] = {}
    seen: set[int] = set()
    left = [error]
    while left and len(found) < MOST_SPANS:
        one = left.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        found.update(dict.fromkeys(trail(one)))
        left += members_of(one)
        if one.__cause__ is not None:
            left.append(one.__cause__)
    return list(found)[:MOST_SPANS]


def members_of(error: BaseException) -> tuple[BaseException, ...]:
    """The errors of a group (also of the backport for Python 3.10); empty for any other error."""
    if not callable(attribute(error, "derive")):
        return ()
    members = attribute(error, "exceptions")
    return tuple(one for one in members if isinstance(one, BaseException)) if isinstance(members, (tuple, list)) else ()
