"""What a span shows of arguments and results: bounded, and without what a name says is secret.

Rules:
 1. A value under a secret's name is not shown, nor is a password or a secret parameter of a URL, nor a bearer token in a text.
 2. An object that is not data is shown by its class: its repr may hold anything.
 3. The size is bounded by a budget of characters that all parts of one value share.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import re
import uuid
from collections.abc import Mapping
from typing import Any

from .usage import body_of, http_response, status_of

REDACTED = "(redacted)"
ARGUMENTS_LIMIT = 24 * 1024
RESULT_LIMIT = 64 * 1024
TEXT_LIMIT = 8 * 1024
DEEPEST = 20
_BY_THEIR_TEXT = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, pathlib.PurePath, uuid.UUID)

_SECRET = re.compile(
    r"api[-_]?key|access[-_]?key|private[-_]?key|secret|passw(or)?d|passphrase|authorization|credential|cookie"
    r"|(^|[-_. ])(auth|token|pwd|signature|session)$|(access|refresh|auth|bearer|session|csrf|id)[-_]?token$",
    re.IGNORECASE,
)
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # begins here in camelCase
_IN_URL = re.compile(r"(\w://)[^/\s@]+@")
_PARAMETER = re.compile(r"([?&;])([^=&;#\s?]+)=([^&;#\s]+)")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+(?=\S*[\d=])[\w.~+/=-]{8,}", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a value of this name is not shown.

    >>> [is_secret(name) for name in ("api_key", "Authorization", "apiToken", "max_tokens", "author")]
    [True, True, True, False, False]
    """
    return _SECRET.search(name) is not None or _SECRET.search(_WORD.sub("_", name)) is not None


def masked(text: str) -> str:
    """A text without what is secret in its URLs and headers (rule 1).

    >>> masked("GET https://me:pw@host/a?key_id=1&api_key=abc with Bearer abcdefg1")
    'GET https://(redacted)@host/a?key_id=1&api_key=(redacted) with Bearer (redacted)'
    """
    if "://" in text:
        text = _IN_URL.sub(rf"\1{REDACTED}@", text)
    if "=" in text:
        text = _PARAMETER.sub(_parameter, text)
    return _BEARER.sub(rf"\1 {REDACTED}", text)


def _parameter(found: re.Match[str]) -> str:
    separator, name, value = found.groups()
    return f"{separator}{name}={REDACTED if is_secret(name) else value}"


def shown(value: Any, limit: int = RESULT_LIMIT) -> Any:
    """The value as JSON for the reader.

    >>> shown({"api_key": "abc", "n": 1, "data": b"12", "odd": object()})
    {'api_key': '(redacted)', 'n': 1, 'data': '(2 bytes)', 'odd': '<object>'}
    """
    return _shown(value, 0, [limit])


def _shown(value: Any, depth: int, room: list[int]) -> Any:
    room[0] -= 8
    if room[0] < 0:
        return "…"
    if value is None or (isinstance(value, (bool, int, float)) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return _shown(value.value, depth, room)
    if isinstance(value, str):
        return _text(value, room)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"({len(value)} bytes)"
    if isinstance(value, _BY_THEIR_TEXT):
        return _text(str(value), room)
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return f"<{value.__qualname__}>"
    if depth >= DEEPEST:
        return "…"
    response = http_response(value)
    if response is not None:
        return _response(response, depth, room)
    found = fields_of(value)
    if found is not None:
        return _object(found, depth, room)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _list(value, depth, room)
    return f"<{type(value).__name__}>"


def fields_of(value: Any) -> Mapping[Any, Any] | None:
    """The fields of data: of a mapping, a pydantic model, a dataclass or a named tuple."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    if hasattr(type(value), "model_fields"):  # of pydantic; iterating gives fields and extra fields
        given = getattr(value, "model_fields_set", ())
        extra = getattr(value, "__pydantic_extra__", None) or {}
        return {name: inner for name, inner in value if name in given or name in extra}
    if dataclasses.is_dataclass(value):
        return {one.name: getattr(value, one.name, None) for one in dataclasses.fields(value)}
    names = getattr(type(value), "_fields", None)
    if isinstance(value, tuple) and names is not None:
        return dict(zip(names, value))
    return None


def _object(found: Mapping[Any, Any], depth: int, room: list[int]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, inner in found.items():
        name = str(key)[:200]
        room[0] -= len(name)
        if room[0] < 0:
            told["…"] = f"{len(found) - len(told)} more"
            break
        told[name] = (
            REDACTED
            if is_secret(name) and not isinstance(inner, (bool, type(None)))
            else _shown(inner, depth + 1, room)
        )
    return told


def _list(values: Any, depth: int, room: list[int]) -> list[Any]:
    told: list[Any] = []
    for inner in values:
        if room[0] < 8:
            told.append(f"… {len(values) - len(told)} more")
            break
        pair = isinstance(inner, tuple) and len(inner) == 2 and isinstance(inner[0], str)  # of headers or parameters
        told.append([inner[0], REDACTED] if pair and is_secret(inner[0]) else _shown(inner, depth + 1, room))
    return told


def _text(text: str, room: list[int]) -> str:
    most = max(0, min(TEXT_LIMIT, room[0]))
    cut = masked(text[: most + 1000])[:most]  # what is secret is masked before the text is cut
    room[0] -= len(cut)
    return cut if len(text) <= most else f"{cut}… ({len(text) - most} more characters)"


def _response(response: Any, depth: int, room: list[int]) -> dict[str, Any]:
    told: dict[str, Any] = {"status": status_of(response)}
    body = body_of(response)
    if body is not None:
        told["bytes"] = len(body)
        try:
            text = body[: 4 * TEXT_LIMIT].decode("utf-8", "strict" if len(body) <= 4 * TEXT_LIMIT else "ignore")
        except UnicodeDecodeError:
            return told
        told["body"] = _shown(_json_or(text), depth + 1, room)
    return told


def _json_or(text: str) -> Any:
    try:
        return json.loads(text) if text[:1] in ("{", "[") else text
    except (ValueError, RecursionError):
        return text
