"""Tags, usage and log texts are decoration: whatever they hold becomes JSON that everybody can store and show."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from ._canonical import LARGEST_INT

DEEPEST = 64
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


def clean(value: Any, depth: int = 0) -> Any:
    """Makes JSON of anything: what JSON has no word for is shown as its repr.

    >>> clean({"n": float("nan"), "big": 2**64, "set": {1}, 3: "x"})
    {'n': 'nan', 'big': '18446744073709551616', 'set': '{1}', '3': 'x'}
    """
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return clean_text(str(value))
    if isinstance(value, int):
        return int(value) if -LARGEST_INT <= value <= LARGEST_INT else _shown(value)
    if isinstance(value, float):
        return float(value) if isfinite(value) else repr(float(value))
    if depth >= DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {
            clean_text(key if isinstance(key, str) else _shown(key)): clean(inner, depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [clean(inner, depth + 1) for inner in value]
    return _shown(value)


def clean_object(tags: dict[str, Any]) -> dict[str, Any]:
    """Cleans tags; what is too large for a line of telemetry is named and left out."""
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
        text = repr(value)
    except BaseException as error:  # a repr may do anything; decoration must not end a play
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        text = f"<{type(value).__name__}: its repr failed>"
    return clean_text(text if len(text) <= 1000 else text[:1000] + "…")
