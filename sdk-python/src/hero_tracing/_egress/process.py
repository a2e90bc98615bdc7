"""`main`: the process of the proxy. It holds no secret, writes no file and ends with its executor (the end of fd 3)."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._jail import kernel
from .policy import Entry, Policy
from .server import CHANNEL_FD, ProxyServer

# Not the plays' uid (64210): they can neither see nor signal it.
PROXY_UID = 64211
_RESOLVERS = 32
# Of the C library's resolver, which loads its parts when it needs them.
_READABLE = ("/etc", "/usr", "/lib", "/lib64", "/run", "/var/lib/sss", "/dev", "/proc")


def main() -> None:
    """Runs the proxy until its channel ends."""
    channel = socket.socket(fileno=CHANNEL_FD)
    settings, rest = _settings(channel)
    try:
        listener = _listener(settings["socket"])
        missing = _confine()
    except (OSError, ValueError) as error:
        channel.sendall(json.dumps({"t": "failed", "message": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        os._exit(1)
    channel.sendall(json.dumps({"t": "ready", "missing": missing}).encode() + b"\n")
    asyncio.run(_serve_and_exit(channel, listener, settings, rest))


async def _serve_and_exit(
    channel: socket.socket, listener: socket.socket, settings: dict[str, Any], rest: bytes
) -> None:
    code = 1
    try:
        await _serve(channel, listener, settings, rest)
        code = 0
    except Exception:
        traceback.print_exc()  # the executor logs it, and starts another proxy
    finally:
        os._exit(code)  # from in here: the end of the loop would wait for a name that hangs


async def _serve(channel: socket.socket, listener: socket.socket, settings: dict[str, Any], rest: bytes) -> None:
    policy = Policy(settings["public"], [Entry.of(text) for text in settings["entries"]], resolver())
    server = ProxyServer(channel, settings, policy)
    pinning = asyncio.create_task(policy.pin())
    obeying = asyncio.create_task(server.obey(rest))
    essential = [obeying, asyncio.create_task(server.slots(listener))]
    done, _ = await asyncio.wait(essential, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    del pinning


def resolver() -> Callable[[str], Coroutine[Any, Any, list[str]]]:
    """The system's, in threads: a name that hangs holds one of them, and whoever asked is cancelled only when it is free again."""
    pool = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve")

    def look_up(host: str) -> list[str]:
        found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
        return [str(address[0]) for *_, address in found]

    async def resolve(host: str) -> list[str]:
        job = pool.submit(look_up, host)
        answer = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if not job.cancel():
                await asyncio.wait([answer])
                if not answer.cancelled():
                    answer.exception()
            raise

    return resolve


def _settings(channel: socket.socket) -> tuple[dict[str, Any], bytes]:
    held = b""
    while b"\n" not in held:
        part = channel.recv(1 << 16)
        if not part:
            raise SystemExit(0)
        held += part
    line, _, rest = held.partition(b"\n")
    settings: dict[str, Any] = json.loads(line)
    return settings, rest


def _listener(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    os.chmod(path, 0o666)  # its folder guards it; slots connect through a descriptor (`_jail.server.Connect`)
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def _confine() -> list[str]:
    """Takes from the process what it does not need; what this machine refuses is returned."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not kernel.LINUX:
        return ["Landlock"]
    rules = _rules()  # Python itself may lie where only root reads
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(PROXY_UID, PROXY_UID, PROXY_UID)
        os.setresuid(PROXY_UID, PROXY_UID, PROXY_UID)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if rules is None:
        return ["Landlock"]
    rules.enforce()
    return []


def _rules() -> kernel.Landlock | None:
    abi = kernel.landlock_abi()
    if abi == 0:
        return None
    rules = kernel.Landlock(abi, deny_tcp=False)
    for path in {*_READABLE, *(path for path in sys.path if path), sys.base_prefix}:
        rules.allow(path, kernel.LANDLOCK_READ)
    return rules
