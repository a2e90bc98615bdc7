"""The processes of installers: they end with the process that started them, and what they write is shown as it comes."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence

Log = Callable[[str], None]

_PR_SET_PDEATHSIG = 1
_LINE_LIMIT = 500
_LAST_LINES = 20


class Failed(Exception):
    """What an installer could not do, with its last lines."""

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lines = list(lines)


def end_with_parent() -> None:
    """Asks the kernel for SIGKILL when the parent ends. Elsewhere than on Linux nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run(name: str, command: Sequence[str], env: Mapping[str, str], folder: str, log: Log) -> None:
    """Runs it to its end; raises Failed if it does not end with 0."""
    last: deque[str] = deque(maxlen=_LAST_LINES)
    process = subprocess.Popen(
        command, env=dict(env), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", preexec_fn=end_with_parent,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            text = line.rstrip()[:_LINE_LIMIT]
            if text:
                last.append(text)
                log(text)
    if process.returncode != 0:
        raise Failed(f"{name} exited with {process.returncode}", last)
