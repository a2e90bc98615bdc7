"""The loop of the fork server: gives the executor a fresh process tree per attempt of a play, and kills trees.

It speaks JSON lines with its executor (`lease`, `fork`, `kill`, `retire`; it answers `ready`, `exit`, `not_started`).

1. The end of the channel kills every play and ends the server.
2. A lease deadline that passes kills every play, whether or not the executor still runs (it may be stopped).
3. An `exit` is reported when nothing of the play's tree is left.
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

from .jail import Jail
from .launch import NOT_STARTED, Tree, prepare
from .sandbox import what_will_hold


@dataclass
class Attempt:
    """One process tree that was ordered, until all of its processes have ended."""

    number: int
    tree: Tree
    why: str = ""
    main_status: int | None = None
    init_gone: bool = False


class Server:
    """The loop. Never blocks on the executor, so that the deadline holds whatever the executor does."""

    def __init__(self, channel: socket.socket, settings: dict[str, Any], jail: Jail, target: str) -> None:
        self.channel, self.settings, self.jail, self.target = channel, settings, jail, target
        self.level, enforced, missing = what_will_hold(jail, settings["sandbox"])
        self.inbox, self.outbox = b"", b""
        self.attempts: dict[int, Attempt] = {}
        self.by_pid: dict[int, Attempt] = {}
        self.spare: Tree | None = None
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
        self.selector.register(self.wake_read, selectors.EVENT_READ)
        self.selector.register(channel, selectors.EVENT_READ)
        self.say(
            t="ready",
            level=self.level,
            enforced=enforced,
            missing=missing,
            uid=jail.uid,
            gid=jail.gid,
            python=sys.version.split()[0],
        )

    def run(self) -> None:
        self._send()
        while self.open or self.attempts:
            ready = {key.fd for key, _ in self.selector.select(self._patience())}
            if self.wake_read in ready:
                os.read(self.wake_read, 4096)
                self._reap()
            if self.open and self.channel.fileno() in ready:
                self._listen()
            self._enforce_deadline()
            if self.open:
                self._send()
            if self.retired and not self.attempts and not self.outbox:
                break
            if not ready and self.open and self.spare is None and not self.retired and self.attempts:
                self._prepare_spare()
        self._discard_spare()

    def say(self, **message: object) -> None:
        self.outbox += json.dumps(message).encode() + b"\n"

    def _patience(self) -> float | None:
        """How long nothing has to be done. A moment of rest is used to prepare the next tree."""
        waits = []
        if self.deadline is not None and not self.expired:
            waits.append(max(0.0, self.deadline - time.monotonic()))
        if self.spare is None and self.attempts and not self.retired:
            waits.append(0.002)
        return min(waits, default=None)

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
        self.selector.modify(self.channel, events)

    def _obey(self, message: dict[str, Any]) -> None:
        kind = message["t"]
        if kind == "fork":
            self._fork(message)
        elif kind == "kill":
            attempt = self.attempts.get(message["id"])
            if attempt:
                attempt.why = attempt.why or "killed"
                attempt.tree.kill()
        elif kind == "lease":
            # The executor's clock is this one (CLOCK_MONOTONIC): a message that was held up cannot stretch the lease.
            self.deadline, self.expired = message["until_ms"] / 1000, False
        elif kind == "retire":
            self.retired = True
            self._discard_spare()

    def _fork(self, order: dict[str, Any]) -> None:
        number = order["id"]
        if self._past_deadline():
            self.say(t="not_started", id=number, message="the executor's lease has run out", deadline=True)
            return
        tree = None
        try:
            tree = self._take_tree()
            tree.order.setblocking(True)
            tree.order.sendall(json.dumps(order).encode() + b"\n")
            tree.order.setblocking(False)
        except OSError as error:
            if tree:
                tree.kill()
            self.say(t="not_started", id=number, message=str(error), deadline=False)
            return
        attempt = Attempt(number, tree, init_gone=tree.init == 0)
        self.attempts[number] = attempt
        for pid in (tree.init, tree.main):
            if pid:
                self.by_pid[pid] = attempt

    def _take_tree(self) -> Tree:
        tree, self.spare = self.spare, None
        return tree or prepare(self.jail, self.settings["sandbox"], self._connect)

    def _prepare_spare(self) -> None:
        try:
            self.spare = prepare(self.jail, self.settings["sandbox"], self._connect)
        except OSError:
            pass  # the next order says what is wrong

    def _discard_spare(self) -> None:
        if self.spare:
            self.spare.kill()
            self.spare.order.close()
            self.spare = None

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self.target)
        except BaseException:
            connection.close()
            raise
        return connection

    def _reap(self) -> None:
        for pid, status in _ended():
            attempt = self.by_pid.pop(pid, None)
            if attempt is None:
                if self.spare and pid in (self.spare.init, self.spare.main):
                    self._discard_spare()
                continue
            if pid == attempt.tree.main:
                attempt.main_status = status
                attempt.tree.kill()
            else:
                attempt.init_gone = True
            if attempt.init_gone and attempt.main_status is not None:
                self._report(attempt, attempt.main_status)

    def _report(self, attempt: Attempt, status: int) -> None:
        del self.attempts[attempt.number]
        reason = b""
        try:
            reason = attempt.tree.order.recv(4096)
        except OSError:
            pass
        attempt.tree.order.close()
        code = os.waitstatus_to_exitcode(status)
        if reason and code == NOT_STARTED:
            text = reason.decode(errors="replace")
            self.say(t="not_started", id=attempt.number, message=text, deadline=False)
            return
        name = None if code >= 0 else _signal_name(-code)
        self.say(t="exit", id=attempt.number, code=code if code >= 0 else None, signal=name, why=attempt.why)

    def _past_deadline(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def _enforce_deadline(self) -> None:
        if not self.expired and self._past_deadline():
            self.expired = True
            self._kill_all("deadline")
            self._discard_spare()

    def _kill_all(self, why: str) -> None:
        for attempt in self.attempts.values():
            attempt.why = attempt.why or why
            attempt.tree.kill()


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
