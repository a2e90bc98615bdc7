"""Arguments and attributes of an error as JSON, and back.

Rules:
 1. JSON stays as it is. Tuples, bytes, large or infinite numbers and other errors of the same outcome are written as
    `{"$hero": what, "v": …}`.
 2. Texts that cannot be stored are cleaned, and the packer records that.
 3. Any other value cannot be packed: an argument is replaced by its repr, an attribute by None.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from .._canonical import LARGEST_INT
from .._sanitise import clean, clean_text

DEEPEST = 300  # the outcome around the value has levels too
_TAG = "$hero"


class Unpackable(Exception):
    """Raised for a value that has no exact form."""


class Packer:
    """Writes values; `number_of` gives an error its number in the outcome."""

    def __init__(self, number_of: Callable[[BaseException], int]) -> None:
        self._number_of = number_of
        self.cleaned = False

    def text(self, text: str) -> str:
        cleaned = clean_text(text)
        self.cleaned |= len(cleaned) != len(text) or cleaned != text
        return cleaned

    def exact(self, value: Any, depth: int = 0) -> Any:
        """The exact form of a value; raises Unpackable if there is none."""
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return self.text(str.__str__(value))
        if isinstance(value, int):
            whole = int.__int__(value)
            return whole if -LARGEST_INT <= whole <= LARGEST_INT else {_TAG: "int", "v": hex(whole)}
        if isinstance(value, float):
            real = float.__float__(value)
            return real if isfinite(real) else {_TAG: "float", "v": repr(real)}
        if isinstance(value, (bytes, bytearray)):
            return {_TAG: "bytes", "v": base64.b64encode(value).decode()}
        if isinstance(value, BaseException):
            return {_TAG: "error", "v": self._number_of(value)}
        if depth >= DEEPEST:
            raise Unpackable
        if isinstance(value, dict):
            packed = {self._key(key): self.exact(inner, depth + 1) for key, inner in value.items()}
            return {_TAG: "dict", "v": packed} if _TAG in packed else packed
        if isinstance(value, list):
            return [self.exact(inner, depth + 1) for inner in value]
        if isinstance(value, tuple):
            return {_TAG: "tuple", "v": [self.exact(inner, depth + 1) for inner in value]}
        raise Unpackable

    def shown(self, value: Any) -> Any:
        """The form of a value; a substitute if there is no exact one."""
        try:
            return self.exact(value)
        except (Unpackable, RecursionError):
            return clean(value)

    def _key(self, key: Any) -> str:
        if not isinstance(key, str):
            raise Unpackable
        return self.text(str.__str__(key))


def unpack(packed: Any, errors: Sequence[BaseException]) -> Any:
    """The value of a packed form. `errors`: those of the outcome, by their numbers.

    >>> unpack({"$hero": "tuple", "v": [1, {"$hero": "bytes", "v": "/w=="}]}, [])
    (1, b'\\xff')
    """
    if isinstance(packed, list):
        return [unpack(inner, errors) for inner in packed]
    if not isinstance(packed, dict):
        return packed
    kind = packed.get(_TAG)
    if kind is None:
        return {key: unpack(inner, errors) for key, inner in packed.items()}
    value: Any = packed.get("v")
    if kind == "dict":
        return {key: unpack(inner, errors) for key, inner in value.items()}
    if kind == "tuple":
        return tuple(unpack(inner, errors) for inner in value)
    if kind == "error":
        return errors[value]
    return _SIMPLE[kind](value)


_SIMPLE: dict[str, Callable[[Any], Any]] = {
    "int": lambda text: int(text, 16),
    "float": float,
    "bytes": base64.b64decode,
}
