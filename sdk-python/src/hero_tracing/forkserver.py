"""`python -m hero_tracing.forkserver`: the process that forks plays for the executor (`_jail/server.py` is its loop).

It speaks JSON lines with its executor on fd 3: `settings` first; it answers `ready` or `failed`. It is started with an
empty environment, runs no user code, and holds no secret.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
from typing import Any

from ._jail import enter, packages
from ._jail.network import Network
from ._jail.server import Connect, Server
from ._rehearsal import rehearse

CHANNEL_FD = 3
# What the interpreter specialises after some runs is written here, once, and not in every child: a fifth fewer page faults.
REHEARSALS = 20


def _read_settings(channel: socket.socket) -> dict[str, Any]:
    held = b""
    while not held.endswith(b"\n"):
        part = channel.recv(1 << 16)
        if not part:
            raise SystemExit(0)
        held += part
    settings: dict[str, Any] = json.loads(held)
    return settings


def main() -> None:
    """Runs the fork server until its channel ends."""
    os.closerange(CHANNEL_FD + 1, 65536)  # whatever its parent left open would reach every play
    channel = socket.socket(fileno=CHANNEL_FD)
    settings = _read_settings(channel)
    try:
        connect = Connect(settings["socket"])
        proxy = settings.get("proxy")
        network = Network(proxy["entries"], Connect(proxy["socket"])) if proxy else None
        folder = packages.hold(settings["packages"])
        _import_runtime()
        left = packages.preload(settings["preload"], strict=True) if folder is None else {}
        for _ in range(REHEARSALS):
            rehearse()
        jail = enter(settings, network)
        if folder is not None:
            packages.show(folder)
            left = packages.preload(settings["preload"], strict=False)
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"
        channel.setblocking(True)
        channel.sendall(json.dumps({"t": "failed", "message": text}).encode() + b"\n")
        os._exit(1)
    gc.collect()
    gc.disable()
    gc.freeze()
    Server(channel, settings, jail, connect, left).run()
    os._exit(0)


def _import_runtime() -> None:
    """What every play needs: imported once, shared by all forks."""
    for name in ("hero_tracing", "hero_tracing._play", "hero_tracing._inspect.process"):
        importlib.import_module(name)


if __name__ == "__main__":
    main()
