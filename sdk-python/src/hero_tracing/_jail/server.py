"""The loop of the fork server: has the children forked that the executor orders, and kills them.

It speaks JSON lines with its executor (`lease`, `fork`, `kill`, `retire`; it answers `ready`, `exit`, `not_started`).

1. The end of the channel kills every child and ends the server.
2. A lease deadline that passes kills every child, whether or not the executor still runs (it may be stopped).
3. An `exit` is reported when nothing of the child's tree is left.
4. A kill is the end of the whole slot; only a child that ended by itself leaves a slot to the next one.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import kernel
from .jail import Jail
from .launch import what_happened
from .sandbox import what_will_hold
from .slot import Bare, Slot, reusable

# Slots without a child that wait for the next one.
IDLE_SLOTS = 8


@dataclass
class Attempt:
    """One child that was ordered, until nothing of it is left."""

    number: int
    place: Slot | Bare
    why: str = ""


class Connect:
    """Connects a child to the executor: the socket's folder is not in the jail, but the server holds the socket open."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_PATH) if kernel.LINUX else -1
        self.target = f"/proc/self/fd/{self.fd}" if kernel.LINUX else path

    def __call__(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self.target)
        except BaseException:
            connection.close()
            raise
        return connection


class Server:
    """The loop. Never blocks on the executor, so that the deadline holds whatever the executor does."""

    def __init__(
        self, channel: socket.socket, settings: dict[str, Any], jail: Jail, connect: Connect, left: dict[str, str]
    ) -> None:
        self.channel, self.settings, self.jail, self.connect = channel, settings, jail, connect
        self.level, enforced, missing = what_will_hold(jail, settings["sandbox"])
        self.inbox, self.outbox = b"", b""
        self.attempts: dict[int, Attempt] = {}
        self.places: dict[int, Slot | Bare] = {}  # by the pid of init, or of the child
        self.running: dict[Slot | Bare, Attempt] = {}
        self.idle: list[Slot] = []
        self.deadline: float | None = None
        self.expired = False
        self.open = True
        self.retired = False
        self.selector = selectors.DefaultSelector()
        self.wake_read, wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        channel.setblocking(False)
        self.selector.register(self.wake_read, selectors.EVENT_READ, self._reap)
        self.selector.register(channel, selectors.EVENT_READ, self._listen)
        self.say(
            t="ready",
            level=self.level,
            enforced=enforced,
            missing=missing,
            uid=jail.uid,
            gid=jail.gid,
            python=sys.version.split()[0],
            arms=reusable(jail, settings["sandbox"]),
            not_preloaded=left,
        )

    def run(self) -> None:
        self._send()
        while self.open or self.places:
            for key, _ in self.selector.select(self._patience()):
                key.data()
            self._enforce_deadlines()
            if self.open:
                self._send()
            if self.retired and not self.attempts:
                self._discard_idle(0)
                if not self.places and not self.outbox:
                    break

    def say(self, **message: object) -> None:
        self.outbox += json.dumps(message).encode() + b"\n"

    def _patience(self) -> float | None:
        """How long nothing has to be done."""
        ends = [place.leave_by for place in self.running if place.leave_by is not None]
        if self.deadline is not None and not self.expired:
            ends.append(self.deadline)
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _listen(self) -> None:
        try:
            part = self.channel.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self.open = False
            self.selector.unregister(self.channel)
            self._kill_all("channel")
            return
        *lines, self.inbox = (self.inbox + part).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _send(self) -> None:
        try:
            while self.outbox:
                self.outbox = self.outbox[self.channel.send(self.outbox) :]
        except BlockingIOError:
            pass
        except OSError:
            self.outbox = b""  # its end is read as well, and ends everything
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.outbox else 0)
        self.selector.modify(self.channel, events, self._listen)

    def _obey(self, message: dict[str, Any]) -> None:
        kind = message["t"]
        if kind == "fork":
            self._fork(message)
        elif kind == "kill":
            attempt = self.attempts.get(message["id"])
            if attempt:
                attempt.why = attempt.why or "killed"
                attempt.place.kill()
        elif kind == "lease":
            # The executor's clock is this one (CLOCK_MONOTONIC): a message that was held up cannot stretch the lease.
            self.deadline, self.expired = message["until_ms"] / 1000, False
        elif kind == "retire":
            self.retired = True

    def _fork(self, order: dict[str, Any]) -> None:
        number = order["id"]
        if self._past_deadline():
            self.say(t="not_started", id=number, message="the executor's lease has run out", deadline=True)
            return
        place: Slot | Bare
        try:
            if self.jail.pid_ns:
                place = self._idle_slot()
                place.fork(order)
            else:
                place = Bare(self.jail, self.settings["sandbox"], self.connect, order)
                self.places[place.pid] = place
        except OSError as error:
            self.say(t="not_started", id=number, message=str(error), deadline=False)
            return
        self.attempts[number] = self.running[place] = Attempt(number, place)

    def _idle_slot(self) -> Slot:
        if self.idle:
            return self.idle.pop()
        slot = Slot(self.jail, self.settings["sandbox"], self.connect)
        self.places[slot.pid] = slot
        self.selector.register(slot.socket, selectors.EVENT_READ, lambda: self._hear(slot))
        return slot

    def _hear(self, slot: Slot) -> None:
        """Its child has ended by itself."""
        if slot.closed:
            return  # it was reaped after `select` had found its socket ready
        ended = slot.ended()
        if slot.silent and slot.socket.fileno() in self.selector.get_map():
            self.selector.unregister(slot.socket)
        if ended is None:
            return
        status, again = ended
        if slot in self.running:
            self._report(self.running.pop(slot), status)
        if again and not slot.killed and not self.retired:
            self.idle.append(slot)
            self._discard_idle(IDLE_SLOTS)
        else:
            slot.kill()

    def _discard_idle(self, count: int) -> None:
        """Keeps so many."""
        while len(self.idle) > count:
            self.idle.pop().kill()

    def _reap(self) -> None:
        """An init has ended, and everything in its namespace before it; or a bare child."""
        os.read(self.wake_read, 4096)
        for pid, status in _ended():
            place = self.places.get(pid)
            if place is None:
                continue
            if isinstance(place, Slot):
                while not place.silent:
                    self._hear(place)  # what it said before it ended
                if place in self.idle:
                    self.idle.remove(place)
            else:
                place.end_the_rest()
            attempt = self.running.pop(place, None)
            if attempt is not None:
                self._report(attempt, status)
            del self.places[pid]
            place.close()

    def _report(self, attempt: Attempt, status: int) -> None:
        del self.attempts[attempt.number]
        began, reason = what_happened(attempt.place.page)
        code = os.waitstatus_to_exitcode(status)
        name = None if code >= 0 else _signal_name(-code)
        if not began and not attempt.why:
            ended = f"its process ended by {name}" if name else f"its process exited with {code}"
            message = reason or f"{ended} before the play began"
            self.say(t="not_started", id=attempt.number, message=message, deadline=False)
            return
        self.say(t="exit", id=attempt.number, code=code if code >= 0 else None, signal=name, why=attempt.why)

    def _past_deadline(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def _enforce_deadlines(self) -> None:
        if not self.expired and self._past_deadline():
            self.expired = True
            self._kill_all("deadline")
        for place in self.running:
            if place.leave_by is not None and time.monotonic() > place.leave_by:
                place.leave_by = None
                place.kill()

    def _kill_all(self, why: str) -> None:
        for attempt in self.attempts.values():
            attempt.why = attempt.why or why
            attempt.place.kill()
        self._discard_idle(0)


def _ended() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
