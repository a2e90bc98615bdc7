"""The control lane: requests to the executor, each answered once (docs/protocol.md, section 2).

Rules:
 1. Whoever waits reads: the first waiting thread reads for all (the leader) and passes the lead on when it has its own
    reply, so that a single thread needs no hand-over. Coroutines wait for futures; their loop reads when no thread does.
    Posted requests, which nobody waits for, are answered to a thread of the lane's own.
 2. Ids rise from 1 in the order of the bytes on the wire. Whoever sends also sends what other threads queue meanwhile: many
    threads that commit make few system calls, each of which would pass the interpreter's lock to another thread.
 3. The end of the connection, or anything that is not a frame, ends the process immediately.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from ._errors import Disconnected
from ._exit import disconnected, garbage
from ._futures import hand_over, resolve

FRAME_LIMIT = 34 * 1024 * 1024
QUEUE_BYTES = 1 << 20  # with more than that queued, a thread waits until it is sent
SMALL, LARGE = 1 << 14, 1 << 20
Reply = dict[str, Any]
_decode = json.JSONDecoder().decode  # `json.loads` of bytes looks for their encoding first


class _Waiter:
    __slots__ = ("arrived", "future", "latch", "loop", "replied", "reply")

    def __init__(self, future: asyncio.Future[Reply] | None = None, loop: asyncio.AbstractEventLoop | None = None):
        self.reply: Reply | None = None
        self.latch: Any = None
        self.future = future
        self.loop = loop
        self.replied: Callable[[Reply], None] | None = None
        self.arrived: Callable[[Reply], None] | None = None


class ControlLane:
    """Requests over one socket, from any thread and any event loop."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        self._sock: socket.socket | None = sock
        self._queueing = threading.Lock()
        self._sending = threading.Lock()
        self._queue: list[bytes] = []  # frames that are numbered and not sent yet
        self._queued = 0  # their bytes
        self._lock = threading.Lock()
        self._waiters: dict[int, _Waiter] = {}
        self._followers: dict[int, _Waiter] = {}  # threads that wait while another one leads
        self._leading = False
        self._last_id = 0
        self._tail = b""  # the start of an incomplete line; `_long` holds a long one in pieces
        self._long: list[bytes] = []
        self._lines: list[bytes] = []
        self._size = LARGE
        self._posted = 0  # requests that nobody waits for
        self._ready: list[tuple[Callable[[Reply], None], Reply]] = []
        self._attention = threading.Condition(self._lock)
        self._reader: threading.Thread | None = None
        self._watching: dict[asyncio.AbstractEventLoop, int] = {}  # how many requests of a loop wait
        self._watched: set[asyncio.AbstractEventLoop] = set()  # loops that see when there is something to read
        self._listening: set[asyncio.AbstractEventLoop | None] = set()
        self._woken: Callable[[], None] = lambda: None

    # --- before `go` --------------------------------------------------------------------------------------------------

    def receive(self) -> Reply:
        """Reads the next frame; only used before `go`."""
        while not self._lines:
            self._fill()
        return self._parse(self._lines.pop(0))

    # --- requests -----------------------------------------------------------------------------------------------------

    def request(self, kind: str, body: str, arrived: Callable[[Reply], None] | None = None) -> Reply:
        """Sends one request and waits for its reply. `body` is the JSON of its other fields, without braces; `arrived` as in `send`."""
        waiter = _Waiter()
        waiter.arrived = arrived
        id = self._post(kind, body, waiter)
        with self._lock:
            if waiter.reply is not None:
                return waiter.reply
            if self._leading:
                waiter.latch = threading.Lock()
                waiter.latch.acquire()
                self._followers[id] = waiter
            else:
                self._leading = True
        if waiter.latch is not None:
            try:
                waiter.latch.acquire()
            except BaseException:
                self._abandon(id, waiter)
                raise
            if waiter.reply is not None:
                return waiter.reply
        try:
            while waiter.reply is None:
                self._take(blocking=True)
            return waiter.reply
        finally:
            self._waiters.pop(id, None)
            self._pass_on()

    def post(self, kind: str, body: str, replied: Callable[[Reply], None]) -> None:
        """Sends one request and returns; `replied` is called with its reply, in a thread of the lane's own."""
        waiter = _Waiter()
        waiter.replied = replied
        with self._attention:
            self._posted += 1
        if self._reader is None and not self._start_reader():
            with self._attention:
                self._posted -= 1
            return replied(self.request(kind, body))
        self._post(kind, body, waiter)
        with self._attention:
            if waiter.reply is not None and waiter.replied is not None:  # the request was too large to be sent
                waiter.replied = None
                self._posted -= 1
                self._ready.append((replied, waiter.reply))
            self._attention.notify()

    async def request_async(self, kind: str, body: str) -> Reply:
        """The same inside a coroutine: the loop goes on meanwhile."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()
        waiter = _Waiter(future, loop)
        self._watch(loop)
        try:
            self._post(kind, body, waiter)
            return await future
        finally:
            self._unwatch(loop)

    def listen(self, loop: asyncio.AbstractEventLoop | None, woken: Callable[[], None]) -> None:
        """From now on somebody reads all the time: this loop, or a thread. `woken` is called when the executor says so."""
        self._woken = woken
        with self._attention:
            if loop in self._listening:
                return
            self._listening.add(loop)
            if loop is None:
                self._posted += 1
        if loop is not None:
            self._watch(loop)
        elif self._reader is None:
            self._start_reader()
        else:
            with self._attention:
                self._attention.notify()

    def send(self, kind: str, body: str, arrived: Callable[[Reply], None]) -> None:
        """Sends one request and returns; `arrived` is called by whoever reads, in the order of the replies: it must be quick."""
        waiter = _Waiter()
        waiter.arrived = arrived
        self._post(kind, body, waiter)
        if waiter.reply is not None:  # the request was too large to be sent
            arrived(waiter.reply)

    def detach(self) -> None:
        """In a fork of the play's process: this lane belongs to the parent."""
        self._queueing, self._sending, self._lock = threading.Lock(), threading.Lock(), threading.Lock()
        self._queue.clear()
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _post(self, kind: str, body: str, waiter: _Waiter) -> int:
        with self._queueing:
            if self._sock is None:
                raise Disconnected("this process is a fork of the play's: call flows in the play's own process")
            id = self._last_id + 1
            data = f'{{"t":"{kind}","id":{id}{"," if body else ""}{body}}}\n'.encode()
            if len(data) > FRAME_LIMIT:
                waiter.reply = {"t": "refused", "id": id, "code": "TOO_LARGE", "message": _too_large(len(data))}
                if waiter.future is not None:
                    waiter.future.set_result(waiter.reply)
                return id
            self._last_id = id
            self._waiters[id] = waiter
            self._queue.append(data)
            self._queued += len(data)
        # Who sends looks again after it has let the other threads in: nothing that was queued meanwhile is left.
        while self._queue and self._sending.acquire(blocking=self._queued > QUEUE_BYTES):
            try:
                self._send_queue()
            finally:
                self._sending.release()
        return id

    def _send_queue(self) -> None:
        with self._queueing:
            frames, self._queue, self._queued = self._queue, [], 0
        if frames and self._sock is not None:
            try:
                self._sock.sendall(frames[0] if len(frames) == 1 else b"".join(frames))
            except OSError:
                disconnected()

    # --- reading ------------------------------------------------------------------------------------------------------

    def _take(self, blocking: bool) -> None:
        """Reads once and hands out the replies. Only the leader calls it."""
        if not self._lines and not self._fill(blocking):
            return
        lines, self._lines = self._lines, []
        with self._lock:
            for line in lines:
                reply = self._parse(line)
                if reply["t"] == "woken":
                    self._woken()
                    continue
                waiter = self._waiters.pop(reply.get("id", 0), None)
                if waiter is None:
                    continue  # its thread was interrupted, or its task cancelled
                waiter.reply = reply
                if waiter.arrived is not None:
                    waiter.arrived(reply)
                if waiter.latch is not None:
                    self._followers.pop(reply["id"], None)
                    waiter.latch.release()
                elif waiter.future is not None:
                    assert waiter.loop is not None
                    hand_over(waiter.loop, partial(resolve, waiter.future, reply))
                elif waiter.replied is not None:
                    self._posted -= 1
                    self._ready.append((waiter.replied, reply))
                    waiter.replied = None
                    self._attention.notify()

    def _start_reader(self) -> bool:
        with self._queueing:
            if self._reader is None:
                reader = threading.Thread(target=self._read_on, name="hero-replies", daemon=True)
                try:
                    reader.start()
                except RuntimeError:  # no thread can be started
                    return False
                self._reader = reader
        return True

    def _read_on(self) -> None:
        """Reads where nobody else does while posted requests are under way, and calls back; never both at the same time."""
        while True:
            with self._attention:
                while not self._ready and (self._leading or not self._posted):
                    self._attention.wait()
                ready, self._ready = self._ready, []
                if not ready:
                    self._leading = True
            if not ready:
                self._take(blocking=True)
                self._pass_on()
            for replied, reply in ready:
                replied(reply)

    def _fill(self, blocking: bool = True) -> bool:
        """Reads what is there into `_lines`; False if there is nothing to read now."""
        sock = self._sock
        if sock is None:
            disconnected()
        try:
            data = sock.recv(self._size, 0 if blocking else socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            disconnected()
        if not data:
            disconnected()
        # a large buffer costs more than the rest of a commit together, so it is used only while much data arrives
        self._size = LARGE if len(data) == self._size else SMALL
        if self._tail:
            if b"\n" not in data:
                self._long.append(data)
                if sum(map(len, self._long)) > FRAME_LIMIT:
                    garbage()
                return True
            data = b"".join((*self._long, data))
        lines = data.split(b"\n")
        self._tail = lines.pop()
        self._long = [self._tail]
        self._lines += lines
        return True

    @staticmethod
    def _parse(line: bytes) -> Reply:
        try:
            frame = _decode(line.decode())
        except ValueError:
            garbage()
        if not isinstance(frame, dict) or not isinstance(frame.get("t"), str):
            garbage()
        return frame

    def _pass_on(self) -> None:
        """The leader has its reply: the lead passes to a waiting thread."""
        with self._lock:
            if self._followers:
                self._followers.pop(next(iter(self._followers))).latch.release()
                return
            self._leading = False
            if self._posted:
                self._attention.notify()

    def _abandon(self, id: int, waiter: _Waiter) -> None:
        with self._lock:
            self._waiters.pop(id, None)
            if self._followers.pop(id, None) is not None:
                return
        if waiter.reply is None:  # the lead had been passed to this waiter
            self._pass_on()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self._watching[loop] = self._watching.get(loop, 0) + 1
            if loop in self._watched:
                return
            self._watched = {loop, *(other for other in self._watched if not other.is_closed())}
        if self._sock is not None:
            loop.add_reader(self._sock.fileno(), self._readable, loop)

    def _unwatch(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop goes on looking: its next request needs that again, and to stop and to begin are system calls."""
        with self._lock:
            count = self._watching[loop] - 1
            if count:
                self._watching[loop] = count
            else:
                del self._watching[loop]

    def _readable(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            if self._leading:  # a thread reads already, for everybody
                if loop not in self._watching and self._sock is not None:
                    self._watched.discard(loop)
                    loop.remove_reader(self._sock.fileno())
                return
            self._leading = True
        try:
            self._take(blocking=False)
        finally:
            self._pass_on()


def _too_large(size: int) -> str:
    return f"{size} bytes do not fit into a frame of {FRAME_LIMIT}: write large data to a file and return its name"
