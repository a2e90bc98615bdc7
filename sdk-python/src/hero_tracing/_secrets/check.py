"""What is remembered or sent on must hold no secret: it is refused with its path, and never altered, because an altered value
would replay differently (decision 26)."""

from __future__ import annotations

from typing import Any

from .._errors import ContainsSecret
from .._stack import with_stack
from .redactor import redactor


def secret_in(text: str, value: Any, path: str, remedy: str) -> ContainsSecret | None:
    """The error, if the JSON text of this value has a secret in it."""
    name = redactor.find(text)
    if name is None:
        return None
    path, name = with_stack(lambda: redactor.path_in(value, path)) or (path, name)
    return ContainsSecret(path, name, remedy)


def refuse_secret(text: str, value: Any, path: str, remedy: str) -> None:
    error = secret_in(text, value, path, remedy)
    if error is not None:
        raise error
