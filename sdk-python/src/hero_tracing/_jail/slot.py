"""A slot: a PID namespace with an init that lasts, in which one child after the other is forked.

    fork server ── init   pid 1 of the slot's PID namespace; killing it kills everything in it
                     └─ main   pid 2; becomes a play, and its wait status is the play's

1. There is at most one child, with what it started, in a slot: init forks the next one only after it has killed and reaped
   everything that the one before left. `waitpid` says ECHILD only when nothing else is left in the namespace, because
   whoever loses its parent there becomes init's child.
2. A slot is used again only if `reusable` and init is as it was: system calls that act on another process of the same
   uid (`prlimit`) reach init, and the next child would inherit what they change.
3. A child is told apart from its predecessors by nothing: mounts and user namespace are its own, and pids begin at 2.
4. Init runs no code of a play and answers to the fork server only: signals from inside are ignored by the kernel, because
   none has a handler.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any, NoReturn, Protocol

from . import kernel, sandbox
from .jail import Jail
from .launch import NOT_STARTED, become_child, refuse
from .network import Doors


class Connect(Protocol):
    """Connects to the executor's socket, which `fd` holds open where its path is not in the jail."""

    fd: int

    def __call__(self) -> socket.socket: ...


# How long what a play left may take to end after SIGKILL, before the whole slot is killed.
EMPTY_WITHIN_SECONDS = 5.0


class Slot:
    """The fork server's end of a slot."""

    def __init__(self, jail: Jail, level: str, connect: Connect) -> None:
        self.page = mmap.mmap(-1, mmap.PAGESIZE)  # of the child: whether it began, or why it could not (`launch`)
        self.inbox = b""
        self.leave_by: float | None = None
        self.silent = False  # init has closed its end: it is about to be reaped
        self.killed = False
        self.closed = False
        self._used = False
        self.socket, theirs = socket.socketpair()
        try:
            kernel.unshare(kernel.CLONE_NEWPID)
            try:
                self.pid = os.fork()
                if self.pid == 0:
                    _be_init(jail, level, connect, theirs, self.page)
                _keep_from_others(self.page)
            finally:
                kernel.setns(jail.own_pid_ns_fd, kernel.CLONE_NEWPID)
        except BaseException:
            self.socket.close()
            raise
        finally:
            theirs.close()
        self.socket.setblocking(False)

    def fork(self, order: dict[str, Any]) -> None:
        if self._used:
            self.page[:1] = b"\0"
        self._used = True
        self.socket.setblocking(True)
        try:
            self.socket.sendall(json.dumps(order).encode() + b"\n")
        finally:
            self.socket.setblocking(False)

    def ended(self) -> tuple[int, bool] | None:
        """How the child ended (its wait status, and whether the slot may be used again), once nothing of it is left."""
        try:
            part = self.socket.recv(4096)
        except BlockingIOError:
            return None
        except OSError:
            part = b""
        self.silent = not part
        self.inbox += part
        *lines, self.inbox = self.inbox.split(b"\n")
        for line in lines:
            told = json.loads(line)
            if told["t"] == "ended":
                self.leave_by = None
                return told["status"], told["reusable"]
            self.leave_by = time.monotonic() + EMPTY_WITHIN_SECONDS
        return None

    def kill(self) -> None:
        """The end of init is the end of everything in its namespace."""
        self.killed = True
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def close(self) -> None:
        self.closed = True
        self.socket.close()
        self.page.close()


class Bare:
    """The same where there are no PID namespaces: a child of the fork server, killed by its process group."""

    def __init__(self, jail: Jail, level: str, connect: Connect, order: dict[str, Any]) -> None:
        self.page = mmap.mmap(-1, mmap.PAGESIZE)
        self.leave_by: float | None = None
        self.pid = os.fork()
        if self.pid == 0:
            become_child(jail, level, order, self.page, connect, None)
        _keep_from_others(self.page)

    def kill(self) -> None:
        """For a child that was not reaped yet: it may not be the leader of its process group yet."""
        self.end_the_rest()
        try:
            os.kill(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def end_the_rest(self) -> None:
        """Ends its process group, also when it was reaped itself."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def close(self) -> None:
        self.page.close()


def _keep_from_others(page: mmap.mmap) -> None:
    """What is forked from now on does not have the page: it could forge what it says of another play."""
    if hasattr(mmap, "MADV_DONTFORK"):
        page.madvise(mmap.MADV_DONTFORK)


def reusable(jail: Jail, level: str) -> bool:
    """Whether children may follow each other in a slot: everything between a play and its init must hold."""
    return level != "off" and jail.pid_ns and jail.mount_ns and jail.user_ns and kernel.landlock_abi() > 0


def _be_init(jail: Jail, level: str, connect: Connect, orders: socket.socket, page: mmap.mmap) -> NoReturn:
    # Nothing may leave this function: above it is the fork server's own stack.
    code = 0
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getpid() != 1:
            os._exit(1)  # `_end_the_rest` kills all that it sees
        _no_handlers()
        network = jail.network
        _close_all_but(orders.fileno(), connect.fd, *([network.connect.fd] if network else []))
        rules = sandbox.prepare(jail, level)
        doors = Doors(network) if network else None
        before = _own_state()
        lasts = reusable(jail, level)
        for order in _orders(orders):
            _start_pids_anew()
            if doors:
                doors.open(order["token"])
            pid = os.fork()
            if pid == 0:
                become_child(jail, level, order, page, connect, rules)
            status = _end_of(pid, orders)
            if doors:
                doors.shut()
            again = lasts and _own_state() == before
            _tell(orders, t="ended", status=status, reusable=again)
    except BaseException as error:
        refuse(page, error)
        code = NOT_STARTED
    finally:
        os._exit(code)


def _no_handlers() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _close_all_but(*kept: int) -> None:
    first = 0
    for fd in (*sorted(kept), 1 << 16):
        os.closerange(first, fd)
        first = fd + 1


def _orders(orders: socket.socket) -> Iterator[dict[str, Any]]:
    """Ends with the fork server, also if that has ended before the death signal was asked for."""
    held = b""
    while part := orders.recv(1 << 16):
        held += part
        if held.endswith(b"\n"):
            watch = select.poll()
            watch.register(orders, 0)
            if not watch.poll(0):
                yield json.loads(held)
            held = b""


def _end_of(child: int, orders: socket.socket) -> int:
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            break
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return status
    _tell(orders, t="ending")
    _end_the_rest()
    return status


def _end_the_rest() -> None:
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _own_state() -> tuple[Any, ...]:
    """What another process of the same uid can change of this one (rule 2); /proc/1 is closed to it by Landlock."""
    limits = tuple(resource.getrlimit(number) for number in _LIMITS)
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    return limits, nice, os.sched_getaffinity(0), os.sched_getscheduler(0), kernel.io_priority()


_LIMITS = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})


def _start_pids_anew() -> None:
    """A play's pids say nothing of the plays before it. Where this is refused, they only rise."""
    try:
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
            file.write("1")
    except OSError:
        pass


def _tell(orders: socket.socket, **message: object) -> None:
    orders.sendall(json.dumps(message).encode() + b"\n")
