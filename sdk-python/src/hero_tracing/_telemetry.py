"""The telemetry lane: one JSON line an event, never in the way of the work (I10).

Rules:
 1. A line is written whole or not at all; what could not be written is counted and said in a `dropped` event.
 2. Under pressure a writer waits 50 ms once; while the lane stays full, the next ones do not wait at all.
 3. Lines are written at once, up to 5 in 10 ms; what is beyond (and soft lines: replayed steps, ends) goes together, when
    the next line is written, at 64 KiB, or after 10 ms.
"""

from __future__ import annotations

import select
import socket
import threading
import time

from . import _events

EVENT_LIMIT = 512 * 1024
PRESSURE_SECONDS = 0.05
SOFT_BYTES = 64 * 1024
SOFT_SECONDS = 0.01
AT_ONCE = 5


class Telemetry:
    """Writes event lines; safe from any thread."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock: socket.socket | None = sock
        self._lock = threading.RLock()
        self._soft: list[bytes] = []
        self._soft_size = 0
        self._rest = b""  # the tail of a line that was begun
        self._full = False
        self._lost = 0
        self._window = 0.0
        self._written = 0
        self._flusher: threading.Event | None = None
        self.emitted = 0

    def emit(self, line: str, soft: bool = False) -> None:
        data = line.encode("utf-8", "replace")
        with self._lock:
            if len(data) > EVENT_LIMIT:
                self._lost += 1
                return
            self._soft.append(data)
            self._soft_size += len(data)
            if not soft:
                moment = time.monotonic()
                if moment - self._window > SOFT_SECONDS:
                    self._window, self._written = moment, 0
                self._written += 1
                soft = self._written > AT_ONCE
            if soft and self._soft_size < SOFT_BYTES:
                if self._flusher is None:
                    self._start_flusher()
                if len(self._soft) == 1 and self._flusher is not None:
                    self._flusher.set()
                return
            self._write(PRESSURE_SECONDS)

    def flush(self, seconds: float = PRESSURE_SECONDS) -> int:
        """Writes what waits and returns how many lines this lane has carried."""
        with self._lock:
            self._full = False
            self._write(seconds)
            return self.emitted

    def detach(self) -> None:
        """In a fork of the play's process: this lane belongs to the parent."""
        self._lock = threading.RLock()
        self._soft, self._rest = [], b""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _write(self, seconds: float) -> None:
        lines, self._soft, self._soft_size = self._soft, [], 0
        if self._rest:
            unsent = self._send(self._rest, seconds)
            self._rest = self._rest[len(self._rest) - unsent :]
            if unsent:
                self._lost += len(lines)
                return
        lost, self._lost = self._lost, 0
        if lost:
            lines.insert(0, _events.dropped(lost).encode())
        start = 0
        while start < len(lines):
            size, end = 0, start
            while end < len(lines) and size < SOFT_BYTES:
                size += len(lines[end])
                end += 1
            unsent = self._send(lines[start] if end == start + 1 else b"".join(lines[start:end]), seconds)
            while end > start and unsent >= len(lines[end - 1]):  # whole lines that were not begun
                end -= 1
                unsent -= len(lines[end])
            if unsent:  # the last line was begun, so it will be finished
                self._rest = lines[end - 1][-unsent:]
            self.emitted += end - start
            if end == start or unsent:
                self._lost = len(lines) - end - (1 if lost and end == 0 else 0) + (lost if end == 0 else 0)
                return
            start = end

    def _send(self, data: bytes, seconds: float) -> int:
        """Returns how many bytes could not be written: the lane is full. A lane that is gone takes everything."""
        view = memoryview(data)
        deadline = 0.0
        while view and self._sock is not None:
            try:
                view = view[self._sock.send(view) :]
                self._full = False
                continue
            except (BlockingIOError, InterruptedError):
                pass
            except OSError:  # the executor is gone: the control lane says so
                self._sock = None
                return 0
            moment = time.monotonic()
            if not deadline:
                deadline = moment if self._full else moment + seconds
            if moment >= deadline or not self._writable(deadline - moment):
                self._full = True
                return len(view)
        return 0

    def _writable(self, seconds: float) -> bool:
        assert self._sock is not None
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))

    def _start_flusher(self) -> None:
        wanted = threading.Event()

        def run() -> None:
            while wanted.wait():
                wanted.clear()
                time.sleep(SOFT_SECONDS)
                with self._lock:
                    if self._soft:
                        self._write(0)

        try:
            threading.Thread(target=run, name="hero-telemetry", daemon=True).start()
            self._flusher = wanted
        except RuntimeError:  # no thread to be had: soft lines wait for the next hard one
            self._flusher = None
