"""Exits of the process of a play (docs/protocol.md, section 2)."""

from __future__ import annotations

import os
from typing import NoReturn

EXIT_SUSPENDED = 75
EXIT_DISCONNECTED = 71


def leave(code: int) -> NoReturn:
    """Ends the process without unwinding: no `except`, no `finally` and no `atexit` runs."""
    os._exit(code)


def disconnected() -> NoReturn:
    """Ends the process because the connection to the executor was closed, so that nothing can be committed any more."""
    leave(EXIT_DISCONNECTED)


def garbage() -> NoReturn:
    """Ends the process because the executor sent something that is not a frame."""
    os.write(2, b"hero_tracing: the executor sent something that is not a frame; the play ends here\n")
    leave(EXIT_DISCONNECTED)
