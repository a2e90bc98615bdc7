"""stdout and stderr of a play: whole lines become log events of the span that wrote them.

Rules:
 1. A line is cut at 64 KiB and says how much is missing; the rest of it is never held in memory.
 2. A play's output is cut at 8 MiB with one note; later output is only counted.
 3. Threads do not mix their lines: each has its own unfinished line.
"""

from __future__ import annotations

import io
import threading
from typing import Any

from . import _events
from ._node import current_node
from ._session import EventLane

PLAY_LIMIT = 8 * 1024 * 1024


class Budget:
    """The limit of stdout and stderr of one play together."""

    def __init__(self, limit: int = PLAY_LIMIT) -> None:
        self.left = limit
        self.limit = limit
        self.beyond = 0
        self.lock = threading.Lock()

    def take(self, size: int) -> str:
        """`all`, `last` (the note is due now) or `none`."""
        with self.lock:
            if self.left >= size:
                self.left -= size
                return "all"
            first, self.beyond = self.beyond == 0, self.beyond + size
            self.left = 0
            return "last" if first else "none"


class Output(io.TextIOBase):
    """Stands in for sys.stdout or sys.stderr."""

    def __init__(self, stream: str, fd: int, telemetry: EventLane, budget: Budget) -> None:
        self._stream = stream
        self._fd = fd
        self._telemetry = telemetry
        self._budget = budget
        self._begun: dict[int, tuple[str, int]] = {}
        self.buffer = _Bytes(self)

    encoding = "utf-8"
    errors = "replace"

    @property
    def name(self) -> str:
        return f"<{self._stream}>"

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        thread = threading.get_ident()
        begun, missing = self._begun.pop(thread, ("", 0))
        *whole, rest = text.split("\n") if "\n" in text else (text,)
        for line in whole:
            self._line(begun + line, missing)
            begun, missing = "", 0
        if rest or begun:
            begun += rest
            over = len(begun) - _events.TEXT_LIMIT
            if over > 0:
                begun, missing = begun[: _events.TEXT_LIMIT], missing + over
            self._begun[thread] = (begun, missing)
        return len(text)

    def end(self) -> None:
        """Emits the unfinished lines of all threads, because the process ends or is suspended."""
        for thread in list(self._begun):
            begun, missing = self._begun.pop(thread, ("", 0))
            if begun:
                self._line(begun, missing)

    def tell_cut(self) -> None:
        """Reports at the end of the play how much was cut."""
        if self._budget.beyond:
            self._emit(f"(output of this play beyond {self._budget.limit} bytes was cut: {self._budget.beyond} bytes)")
            self._budget.beyond = 0

    def _line(self, line: str, missing: int) -> None:
        line = line.rstrip("\r")
        verdict = self._budget.take(len(line) + 1)
        if verdict == "all":
            over = len(line) - _events.TEXT_LIMIT
            if over > 0:
                line, missing = line[: _events.TEXT_LIMIT], missing + over
            self._emit(f"{line}… ({missing} more characters)" if missing else line)
        elif verdict == "last":
            self._emit(f"(output of this play is cut here: it is beyond {self._budget.limit} bytes)")

    def _emit(self, line: str) -> None:
        node = current_node()
        self._telemetry.emit(_events.log(node.span.id if node else None, line, self._stream, cut_text=False))

    def flush(self) -> None:
        """Does nothing: whole lines are already sent, and an unfinished one waits for its end."""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return False

    def reconfigure(self, **_: Any) -> None:
        """Accepted for programs that set an encoding; the encoding is UTF-8."""


class _Bytes(io.RawIOBase):
    """`sys.stdout.buffer`: bytes are decoded as UTF-8."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, data: Any) -> int:
        raw = bytes(data)
        self._output.write(raw.decode("utf-8", "replace"))
        return len(raw)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._output.fileno()
