"""One process tree per attempt: an init that dies last, and main, which becomes the play.

    fork server ─┬─ init   pid 1 of the play's PID namespace; killing it kills everything the play started
                 └─ main   pid 2; its wait status is the play's

A tree is *prepared* before it is ordered, so that a start does not wait for two forks; the order says which play it
runs. `setns` brings the fork server's next child back into its own namespace.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

from . import kernel, sandbox
from .jail import Jail

LANES = ("control", "telemetry", "output")
# What main exits with when it could not become the play; the reason is on the order socket.
NOT_STARTED = 70


@dataclass
class Tree:
    """A prepared process tree that waits for its order."""

    init: int
    main: int
    order: socket.socket

    def kill(self) -> None:
        """The only kill: init's end is the end of everything in its namespace."""
        try:
            if self.init:
                os.kill(self.init, signal.SIGKILL)
            else:
                os.killpg(self.main, signal.SIGKILL)
        except ProcessLookupError:
            pass


def prepare(jail: Jail, level: str, connect: Callable[[], socket.socket]) -> Tree:
    """Forks a tree. Its connections are made here: only the fork server reaches the executor's socket."""
    lanes: list[socket.socket] = []
    mine, theirs = socket.socketpair()
    init = 0
    try:
        lanes.extend(connect() for _ in LANES)
        if jail.pid_ns:
            kernel.unshare(kernel.CLONE_NEWPID)
            try:
                init = _fork_init()
                main = _fork_main(jail, level, theirs, lanes)
            finally:
                kernel.setns(jail.own_pid_ns_fd, kernel.CLONE_NEWPID)
        else:
            main = _fork_main(jail, level, theirs, lanes)
    except BaseException:
        mine.close()
        if init:
            os.kill(init, signal.SIGKILL)
        raise
    finally:
        theirs.close()
        for lane in lanes:
            lane.close()
    mine.setblocking(False)
    return Tree(init, main, mine)


def _fork_init() -> int:
    pid = os.fork()
    if pid:
        return pid
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    _default_signals()
    os.closerange(0, 4096)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        signal.sigwait({signal.SIGCHLD})


def _fork_main(jail: Jail, level: str, order: socket.socket, lanes: list[socket.socket]) -> int:
    pid = os.fork()
    if pid:
        return pid
    # Nothing may leave this block: above it is the fork server's own stack.
    code = NOT_STARTED
    try:
        code = _become_play(jail, level, order, lanes)
    except BaseException as error:
        _report(order, error)
    finally:
        os._exit(code)


def _become_play(jail: Jail, level: str, order_socket: socket.socket, lanes: list[socket.socket]) -> int:
    _default_signals()
    os.setsid()
    order_fd, fds = _only_these_stay_open(order_socket, lanes)
    rules = sandbox.prepare(jail, level)
    line = _read_order(order_fd)
    if line is None:
        return 0
    order = json.loads(line)
    hello = (json.dumps({"t": "hello", "token": order["token"]})[:-1] + ', "lane": "%s"}\n').encode()
    workdir = sandbox.close_around(jail, rules, order, level)
    for fd, lane in zip(fds, LANES):
        _write_all(fd, hello.replace(b"%s", lane.encode()))
    os.close(order_fd)
    _environment(workdir, jail)
    gc.enable()
    control, telemetry = socket.socket(fileno=fds[0]), socket.socket(fileno=fds[1])
    if order["kind"] == "inspect":
        from .._inspect.process import run_inspection

        return run_inspection(control)
    from .._play import run_play

    code = run_play(control, telemetry)
    _flush()
    return code


def _default_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python starts


def _only_these_stay_open(order: socket.socket, lanes: list[socket.socket]) -> tuple[int, list[int]]:
    """0 empty, 1 and 2 the output lane, 3 control, 4 telemetry, 5 the order; everything else is closed."""
    high = [os.dup(fd) for fd in (lanes[0].fileno(), lanes[1].fileno(), order.fileno(), lanes[2].fileno())]
    high = [_above(fd, 16) for fd in high]
    null = _above(os.open(os.devnull, os.O_RDONLY), 16)
    for source, target in zip((null, high[3], high[3], high[0], high[1], high[2]), range(6)):
        os.dup2(source, target, inheritable=target < 3)
    for held in (order, *lanes):
        held.detach()
    os.closerange(6, 65536)
    return 5, [3, 4, 1]


def _above(fd: int, floor: int) -> int:
    import fcntl

    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, floor)
    os.close(fd)
    return moved


def _read_order(fd: int) -> bytes | None:
    """One line; None when the fork server has ended or does not need this tree any more."""
    held = b""
    while not held.endswith(b"\n"):
        part = os.read(fd, 65536)
        if not part:
            return None
        held += part
    return held


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _report(order: socket.socket, error: BaseException) -> None:
    try:
        text = f"{type(error).__name__}: {error}"
        _write_all(5 if order.fileno() < 0 else order.fileno(), text[:4000].encode())
    except OSError:
        pass


def _environment(workdir: str, jail: Jail) -> None:
    """A play inherits nothing: the fork server itself was started with an empty environment."""
    own_tmp = jail.mount_ns and jail.pid_ns
    binaries = [os.path.dirname(sys.executable), "/usr/local/bin", "/usr/bin", "/bin"]
    os.environ.clear()
    os.environ.update(
        PATH=":".join(dict.fromkeys(binaries)),
        HOME=workdir,
        TMPDIR="/tmp" if own_tmp else workdir,
        LANG="C.UTF-8",
        PYTHONUTF8="1",
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONHASHSEED="0",  # the play's own: what it starts iterates sets in the same order
    )


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
