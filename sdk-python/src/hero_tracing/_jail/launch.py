"""What a forked child does until it is a play: its connections, its sandbox, its `hello`.

A child is forked for an order. If the order names the play (`sid`), it becomes that play. If not, the child is *armed*: it is
closed in, connected and rehearsed, and the `start` frame on its control lane says which play it is. No code of a play
has run in it before that.

Its page, which it shares with the fork server, says whether the play began: 1 in the first byte, or 2 and the reason
why not. The child gives it up before the play's code runs.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from . import sandbox
from .jail import Jail

LANES = ("control", "telemetry", "output")
# What main exits with when it could not become the play; the reason is in its page.
NOT_STARTED = 70
BEGAN, REFUSED = 1, 2
# The play's folder in the view of a child that does not know yet which play it is.
UNNAMED = ".armed"
_TEXT_LIMIT = 2000


def become_child(
    jail: Jail,
    level: str,
    order: dict[str, Any],
    page: mmap.mmap,
    connect: Callable[[], socket.socket],
    rules: sandbox.CommonRules | None,
) -> NoReturn:
    # Nothing may leave this block: above it is the stack of init or of the fork server.
    code = NOT_STARTED
    try:
        code = _run(jail, level, order, page, connect, rules)
    except BaseException as error:
        refuse(page, error)
    finally:
        os._exit(code)


def what_happened(page: mmap.mmap) -> tuple[bool, str]:
    """Of a child that has ended: whether the play began, and otherwise why not (if the child could say so)."""
    if page[0] == REFUSED:
        return False, page[1:].split(b"\0", 1)[0].decode(errors="replace")
    return page[0] == BEGAN, ""


def _run(
    jail: Jail,
    level: str,
    order: dict[str, Any],
    page: mmap.mmap,
    connect: Callable[[], socket.socket],
    rules: sandbox.CommonRules | None,
) -> int:
    _default_signals()
    os.setsid()
    lanes = [connect() for _ in LANES]
    name = order["sid"] or UNNAMED
    closing = sandbox.Closing(jail, level, order["workdir"], name, rules)
    fds = _only_these_stay_open(lanes, closing)
    closing.close(order["limits"])
    _environment(closing.workdir, jail)

    def begin(sid: str) -> None:
        if order["sid"] is None:
            os.environ["HOME"] = closing.rename(sid)
        closing.finish()
        page[0] = BEGAN
        page.close()

    hello = (json.dumps({"t": "hello", "token": order["token"]})[:-1] + ', "lane": "%s"}\n').encode()
    if order["kind"] == "inspect":
        from .._inspect.process import run_inspection

        begin(name)
        _greet(fds, hello)
        gc.enable()
        return run_inspection(socket.socket(fileno=fds[0]))
    from .._play import run_play

    if order["sid"] is None:
        from .._rehearsal import rehearse

        rehearse()
    _greet(fds, hello)
    gc.enable()
    code = run_play(socket.socket(fileno=fds[0]), socket.socket(fileno=fds[1]), begin)
    _flush()
    return code


def _greet(fds: list[int], hello: bytes) -> None:
    for fd, lane in zip(fds, LANES):
        _write_all(fd, hello.replace(b"%s", lane.encode()))


def _default_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python starts


def _only_these_stay_open(lanes: list[socket.socket], closing: sandbox.Closing) -> list[int]:
    """0 empty, 1 and 2 the output lane, 3 control, 4 telemetry; then, until the play begins, the rules of its sandbox."""
    wanted = [os.open(os.devnull, os.O_RDONLY), *(lane.fileno() for lane in (lanes[2], lanes[2], lanes[0], lanes[1]))]
    wanted += closing.fds()
    high = [_above(fd, 16) for fd in wanted]
    for target, fd in enumerate(high):
        os.dup2(fd, target, inheritable=target < 3)
    for lane in lanes:
        lane.detach()
    closing.moved_to(list(range(5, len(high))))
    os.closerange(len(high), 65536)
    return [3, 4, 1]


def _above(fd: int, floor: int) -> int:
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, floor)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def refuse(page: mmap.mmap, error: BaseException) -> None:
    """Says why the play could not begin; of one that began this is the end."""
    if page.closed or page[0] == BEGAN:
        return
    text = f"{type(error).__name__}: {error}".encode(errors="replace")[:_TEXT_LIMIT]
    page[1 : len(text) + 2] = text + b"\0"
    page[0] = REFUSED


def _environment(workdir: str, jail: Jail) -> None:
    """A play inherits nothing: the fork server itself was started with an empty environment."""
    own_tmp = sandbox.own_mounts(jail)
    packages = jail.paths.packages
    binaries = [os.path.dirname(sys.executable), "/usr/local/bin", "/usr/bin", "/bin"]
    if packages:
        binaries.insert(0, f"{packages}/bin")
    os.environ.clear()
    os.environ.update(
        PATH=":".join(dict.fromkeys(binaries)),
        HOME=workdir,
        TMPDIR="/tmp" if own_tmp else workdir,
        LANG="C.UTF-8",
        PYTHONUTF8="1",
        PYTHONDONTWRITEBYTECODE="1",
        **({"PYTHONPATH": packages} if packages else {}),  # for what the play starts; it has them already
        PYTHONHASHSEED="0",  # the play's own: what it starts iterates sets in the same order
    )
    if jail.network:
        os.environ.update(jail.network.environment())


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
