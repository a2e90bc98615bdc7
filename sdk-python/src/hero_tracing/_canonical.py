"""Canonical JSON as in RFC 8785, and the check that a value is JSON at all.

Rules (golden/canonical.json is the referee for both languages):
 1. Keys are sorted by UTF-16 code units, there is no white space, only the required escapes.
 2. Numbers are written as ECMAScript writes them, so `1.0` is `1` and `-0.0` is `0`.
 3. NaN, infinities, integers beyond ±(2**53 - 1), lone surrogates and keys that are not strings are refused with the
    path of the value. Lists and tuples are arrays.
 4. A value has up to 400 levels, wherever it is written or read, whatever the depth of the flow's own calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder as _json_encoder
from json.encoder import encode_basestring
from math import isfinite
from typing import Any

from ._errors import NotJson
from ._stack import with_stack

LARGEST_INT = 2**53 - 1
DEEPEST = 400


def _encoder(sort_keys: bool) -> Callable[[Any], str]:
    """json.dumps without its overhead around the C encoder, which took a third of the time of a replayed step."""
    plain = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=sort_keys, separators=(",", ":"))
    c_make_encoder = getattr(_json_encoder, "c_make_encoder", None)
    if c_make_encoder is None:
        return plain.encode
    made = c_make_encoder(None, plain.default, encode_basestring, None, ":", ",", sort_keys, False, False)

    def encode(value: Any) -> str:
        return "".join(made(value, 0))

    return encode


_dumps_sorted = _encoder(True)
_dumps = _encoder(False)

# Results of `_survey`: the value is plain, it has floats or astral keys, or the slow walk must check it.
PLAIN, SPECIAL, ODD = 0, 1, 2


def canonical(value: Any, path: str = "value") -> str:
    """Writes a JSON value in its one canonical form.

    >>> canonical({"b": [1.0, 1e21, -0.0], "a": "é"})
    '{"a":"é","b":[1,1e+21,0]}'
    >>> canonical({"items": [1, float("nan")]}, "arguments")
    Traceback (most recent call last):
    hero_tracing._errors.NotJson: arguments.items[1]: nan is not a JSON number
    """
    try:
        if _survey(value, 0) == PLAIN:
            text = _dumps_sorted(value)
            if text.isascii() or _encodable(text):
                return text
    except RecursionError:  # rule 4
        pass
    return with_stack(lambda: _canonical(value, path))


def dump(value: Any, path: str = "value") -> str:
    """Writes a JSON value as JSON text: 1.0 stays 1.0 and the keys keep their order. The same values are refused.

    >>> dump({"b": 1.0, "a": (2, None)})
    '{"b":1.0,"a":[2,null]}'
    """
    try:
        if _survey(value, 0) != ODD:
            text = _dumps(value)
            if text.isascii() or _encodable(text):
                return text
    except RecursionError:  # rule 4
        pass
    return with_stack(lambda: _dump(value, path))


def load(text: str) -> Any:
    """Reads JSON text that `dump` wrote.

    >>> load('{"b":1.0}')
    {'b': 1.0}
    """
    try:
        return _raw_decode(text)[0]
    except RecursionError:  # rule 4
        return with_stack(lambda: _raw_decode(text)[0])


_raw_decode = json.JSONDecoder().raw_decode


def _canonical(value: Any, path: str) -> str:
    parts: list[str] = []
    _write(value, path, parts, 0)
    return "".join(parts)


def _dump(value: Any, path: str) -> str:
    _write(value, path, [], 0)  # raises where the value is not JSON
    return _dumps(_plain(value))


def number(value: float) -> str:
    """Writes a finite float as ECMAScript's Number::toString does.

    >>> [number(x) for x in (0.1 + 0.2, 1e21, 1e-7, 123456789012345680000.0, 0.000001)]
    ['0.30000000000000004', '1e+21', '1e-7', '123456789012345680000', '0.000001']
    """
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + int(exponent or 0)  # the value is 0.<digits> × 10**point
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = point - 1
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{'+' if power > 0 else '-'}{abs(power)}"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _survey(value: Any, depth: int) -> int:
    """Checks exact types only: any other value is ODD and left to the slow walk, which knows the path."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return PLAIN
    if kind is int:
        return PLAIN if -LARGEST_INT <= value <= LARGEST_INT else ODD
    if kind is float:
        return SPECIAL if isfinite(value) else ODD
    if depth >= DEEPEST:
        return ODD
    worst = PLAIN
    if kind is dict:
        for key in value:
            if type(key) is not str:
                return ODD
            if not key.isascii():
                worst = SPECIAL
        values = value.values()
    elif kind is list or kind is tuple:
        values = value
    else:
        return ODD
    for inner in values:
        if type(inner) is str:
            continue
        found = _survey(inner, depth + 1)
        if found > worst:
            worst = found
            if found == ODD:
                return ODD
    return worst


def _write(value: Any, path: str, parts: list[str], depth: int) -> None:
    if value is None:
        parts.append("null")
    elif value is True or value is False:
        parts.append("true" if value else "false")
    elif isinstance(value, str):
        parts.append(_string(value, path))
    elif isinstance(value, int):
        if not -LARGEST_INT <= value <= LARGEST_INT:
            raise NotJson(_short(path), "an integer beyond 2**53 - 1 is not exact in JSON; pass it as a string")
        parts.append(int.__repr__(value))
    elif isinstance(value, float):
        if not isfinite(value):
            raise NotJson(_short(path), f"{float.__repr__(value)} is not a JSON number")
        parts.append(number(float(value)))
    elif depth >= DEEPEST:
        raise NotJson(_short(path), f"nested deeper than {DEEPEST} levels")
    elif isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise NotJson(
                    _short(path), f"the key {_shown(key)} is of type {type(key).__name__}; JSON keys must be strings"
                )
        opening = "{"
        for key in sorted(value, key=lambda key: str.encode(key, "utf-16-be", "surrogatepass")):
            parts += (opening, _string(key, f"{path}.{key}"), ":")
            _write(value[key], f"{path}.{key}", parts, depth + 1)
            opening = ","
        parts.append("{}" if opening == "{" else "}")
    elif isinstance(value, (list, tuple)):
        parts.append("[")
        for index, inner in enumerate(value):
            if index:
                parts.append(",")
            _write(inner, f"{path}[{index}]", parts, depth + 1)
        parts.append("]")
    else:
        raise NotJson(_short(path), f"a value of type {type(value).__name__} is not JSON")


def _plain(value: Any) -> Any:
    """The same value in exact JSON types, for subclasses that the encoder would write in its own way."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value]


def _string(text: str, path: str) -> str:
    if not text.isascii() and not _encodable(text):
        raise NotJson(_short(path), "a lone surrogate is not Unicode text")
    return encode_basestring(text)


def _shown(key: Any) -> str:
    return repr(key)[:40]


def _short(path: str) -> str:
    """The path as a message shows it."""
    path = path.encode("utf-8", "replace").decode()
    return path if len(path) <= 200 else path[:160] + "…" + path[-30:]
