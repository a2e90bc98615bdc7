"""How the process of a play ends by itself (docs/protocol.md, section 2)."""

from __future__ import annotations

import os
from typing import NoReturn

EXIT_SUSPENDED = 75
EXIT_DISCONNECTED = 71


def leave(code: int) -> NoReturn:
    """Ends the process with nothing unwound: no `except`, no `finally`, no `atexit` sees it."""
    os._exit(code)


def gone() -> NoReturn:
    """The executor's connection ended: nothing that this process does counts any more."""
    leave(EXIT_DISCONNECTED)


def garbage() -> NoReturn:
    """The executor said something that is no frame."""
    os.write(2, b"hero_tracing: the executor sent something that is no frame; the play ends here\n")
    leave(EXIT_DISCONNECTED)
