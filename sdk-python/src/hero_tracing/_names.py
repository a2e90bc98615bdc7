"""Checks the names of flows, steps and pauses."""

from __future__ import annotations

from typing import Any

from ._errors import OptionError


def check_name(name: Any, where: str) -> None:
    """Raises OptionError unless `name` is a string of 1 to 200 characters without control characters."""
    if not isinstance(name, str) or not 1 <= len(name) <= 200:
        raise OptionError(f"{where}: a name must be a string of 1 to 200 characters")
    if any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in name):
        raise OptionError(f"{where}: the name {name!r} has control characters or lone surrogates: remove them")
