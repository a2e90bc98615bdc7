"""The telemetry lane: one JSON line an event, which never blocks the work for long (I10).

Rules:
 1. A line is written whole or not at all; lines that could not be written are counted and reported in a `dropped` event.
 2. Up to 5 lines in 10 ms are written immediately. Further lines, and soft ones (replayed steps, ends), are written together:
    with the next line, at 64 KiB, or after 10 ms.
 3. What was given to the play as a secret is not in a line (`_secrets`).
 4. Lines that the lane does not take wait in a queue of 4 MiB. If it is full, a writer waits 50 ms once; while it stays
    full, the next writers do not wait at all, and their lines are dropped.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import deque

from . import _events
from ._secrets import redactor

EVENT_LIMIT = 512 * 1024
PRESSURE_SECONDS = 0.05
QUEUE_BYTES = 4 * 1024 * 1024
SOFT_BYTES = 64 * 1024
SOFT_SECONDS = 0.01
AT_ONCE = 5


class Telemetry:
    """Writes event lines; safe from any thread."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock: socket.socket | None = sock
        self._lock = threading.RLock()
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._rest = b""  # the tail of a line that was begun
        self._full = False
        self._lost = 0
        self._window = 0.0
        self._written = 0
        self._flusher: threading.Event | None = None
        self._told = False  # the flusher will write what is queued now
        self.emitted = 0  # lines that were written, or begun: those will be finished

    def emit(self, line: str, soft: bool = False) -> None:
        data = redactor.event(line).encode("utf-8", "replace")
        size = len(data)
        with self._lock:
            if self._lost and self._size < QUEUE_BYTES // 2:
                self._push(_events.dropped(self._lost).encode())
                self._lost = 0
            if size > EVENT_LIMIT or (self._size + size > QUEUE_BYTES and not self._make_room(size)):
                self._lost += 1
                return
            self._full = False
            self._queue.append(data)
            self._size += size
            if not soft:
                moment = time.monotonic()
                if moment - self._window > SOFT_SECONDS:
                    self._window, self._written = moment, 0
                self._written += 1
                soft = self._written > AT_ONCE
            if not soft or self._size >= SOFT_BYTES:
                self._write(0)
            if self._queue and not self._told:
                self._flush_later()

    def flush(self, seconds: float = PRESSURE_SECONDS) -> int:
        """Writes what waits and returns how many lines this lane has carried."""
        with self._lock:
            if self._lost:
                self._push(_events.dropped(self._lost).encode())
                self._lost = 0
            self._write(seconds)
            return self.emitted

    def detach(self) -> None:
        """In a fork of the play's process: this lane belongs to the parent."""
        self._lock = threading.RLock()
        self._queue.clear()
        self._rest = b""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _push(self, data: bytes) -> None:
        self._queue.append(data)
        self._size += len(data)

    def _make_room(self, size: int) -> bool:
        self._write(0 if self._full else PRESSURE_SECONDS)
        self._full = self._size + size > QUEUE_BYTES
        return not self._full

    def _write(self, seconds: float) -> None:
        """Writes what is queued, and waits at most `seconds` for room."""
        deadline = time.monotonic() + seconds if seconds else 0.0
        queue = self._queue
        while queue or self._rest:
            if self._rest:
                unsent = self._send(self._rest, deadline)
                self._rest = self._rest[len(self._rest) - unsent :] if unsent else b""
                if unsent:
                    return
                continue
            batch, size = [], 0
            while queue and size < SOFT_BYTES:
                batch.append(queue.popleft())
                size += len(batch[-1])
            unsent = self._send(batch[0] if len(batch) == 1 else b"".join(batch), deadline)
            while batch and unsent >= len(batch[-1]):  # whole lines that were not begun
                unsent -= len(batch[-1])
                size -= len(batch[-1])
                queue.appendleft(batch.pop())
            self._size -= size
            self.emitted += len(batch)
            if unsent:
                self._rest = batch[-1][-unsent:]
            if queue and (unsent or not batch):
                return

    def _send(self, data: bytes, deadline: float) -> int:
        """Returns how many bytes could not be written: the lane is full. A closed lane takes everything."""
        view = memoryview(data)
        while view and self._sock is not None:
            try:
                view = view[self._sock.send(view) :]
                continue
            except (BlockingIOError, InterruptedError):
                pass
            except OSError:  # the executor has closed the connection: the control lane notices
                self._sock = None
                return 0
            left = deadline - time.monotonic() if deadline else 0.0
            if left <= 0 or not self._writable(self._sock, left):
                return len(view)
        return 0

    @staticmethod
    def _writable(sock: socket.socket, seconds: float) -> bool:
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))

    def _flush_later(self) -> None:
        if self._flusher is None:
            self._flusher = threading.Event()
            try:
                threading.Thread(target=self._flush_on, name="hero-telemetry", daemon=True).start()
            except RuntimeError:  # no thread can be started: these lines wait for the next one
                self._flusher = None
                return
        self._told = True
        self._flusher.set()

    def _flush_on(self) -> None:
        wanted = self._flusher
        while wanted is not None and wanted.wait():
            wanted.clear()
            time.sleep(SOFT_SECONDS)
            with self._lock:
                self._told = False
                self._write(0)
                sock, full = self._sock, bool(self._queue or self._rest)
            while full and sock is not None:
                self._writable(sock, 1)
                with self._lock:
                    self._write(0)
                    sock, full = self._sock, bool(self._queue or self._rest)
