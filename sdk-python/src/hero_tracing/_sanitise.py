"""Converts tags, usage and log texts, which are only for display, to JSON that can be stored and shown."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from ._canonical import LARGEST_INT
from ._stack import with_stack

DEEPEST = 64
MOST_VALUES = 50_000  # more would not fit into the limit below
TAGS_LIMIT = 64 * 1024
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def clean_text(text: str) -> str:
    """Replaces NUL and lone surrogates.

    >>> clean_text("a\\x00b" + chr(0xD800))
    'a\ufffdb\ufffd'
    """
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def clean(value: Any) -> Any:
    """Converts any value to JSON: a value without a JSON form becomes its repr, and one that is too deep or too large `…`.

    >>> clean({"n": float("nan"), "big": 2**64, "set": {1}, 3: "x"})
    {'n': 'nan', 'big': '18446744073709551616', 'set': '{1}', '3': 'x'}
    """
    return with_stack(lambda: _clean(value, 0, [MOST_VALUES]))


def _clean(value: Any, depth: int, room: list[int]) -> Any:
    """`room`: the number of further values to show, because a value that contains itself several times would have no end."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return clean_text(str.__str__(value))
    if isinstance(value, int):
        return int.__int__(value) if -LARGEST_INT <= value <= LARGEST_INT else _shown(value)
    if isinstance(value, float):
        return float.__float__(value) if isfinite(value) else float.__repr__(value)
    room[0] -= 1
    if depth >= DEEPEST or room[0] < 0:
        return "…"
    if isinstance(value, dict):
        shown = {}
        for key, inner in list(value.items())[:MOST_VALUES]:
            shown[clean_text(str.__str__(key) if isinstance(key, str) else _shown(key))] = _clean(
                inner, depth + 1, room
            )
        return shown
    if isinstance(value, (list, tuple)):
        return [_clean(inner, depth + 1, room) for inner in value[:MOST_VALUES]]
    return _shown(value)


def clean_object(tags: dict[str, Any]) -> dict[str, Any]:
    """Cleans tags; those that are too large for a line of telemetry are named and left out."""
    if not tags:
        return {}
    cleaned: dict[str, Any] = clean(tags)
    if len(_dumps(cleaned)) <= TAGS_LIMIT:
        return cleaned
    room = TAGS_LIMIT - 2
    kept: dict[str, Any] = {}
    for key, value in cleaned.items():
        size = len(_dumps({key[:200]: value}))
        kept[key[:200]] = value if size <= room else f"(left out: {size} characters)"
        room -= min(size, 300) if size > room else size
        if room < 1000:
            kept["…"] = f"{len(cleaned) - len(kept)} more tags"
            break
    return kept


def tags_json(cleaned: dict[str, Any]) -> str:
    return _dumps(cleaned) if cleaned else "{}"


def _shown(value: Any) -> str:
    try:
        text = hex(value) if isinstance(value, int) and value.bit_length() > 1000 else repr(value)
    except BaseException as error:  # a repr may raise anything, and a tag must not end a play
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        text = f"<{type(value).__name__}: its repr failed>"
    return clean_text(text if len(text) <= 1000 else text[:1000] + "…")
