"""The executor's side of the egress proxy, for tests: the real process, as apps/executor/src/egress-proxy.ts starts it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SOURCES = str(Path(__file__).resolve().parent.parent / "src")
# As apps/executor/src/egress-proxy.ts does it: the package without its __init__, which imports what plays need.
PROGRAM = """
import importlib.util, sys, types
sys.path.insert(0, {sources!r})
sys.modules["ssl"] = None
package = types.ModuleType("hero_tracing")
package.__path__ = importlib.util.find_spec("hero_tracing").submodule_search_locations
sys.modules["hero_tracing"] = package
from hero_tracing._egress import policy, process
policy.PUBLIC_PORTS = {ports!r}
process.main()
"""


class Proxy:
    """A running proxy. `entries` are named for its executor; `ports` are those of `public`."""

    def __init__(
        self, entries: list[str], public: bool = False, ports: tuple[int, ...] = (80, 443), **limits: float
    ) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="hero-egress-")
        os.chmod(self.folder.name, 0o755)
        self.entries = entries
        self.socket = os.path.join(self.folder.name, "egress.sock")
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(10)
        self.lines = self.channel.makefile("rb")

        def hand_over_channel() -> None:
            os.dup2(theirs.fileno(), 3)

        self.process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", PROGRAM.format(sources=SOURCES, ports=ports)],
            env={},
            close_fds=False,
            preexec_fn=hand_over_channel,
            cwd="/",
        )
        theirs.close()
        self.send(t="settings", socket=self.socket, public=public, entries=entries, limits=limits)
        self.ready = self.says()
        assert self.ready["t"] == "ready", self.ready

    def send(self, **message: Any) -> None:
        self.channel.sendall(json.dumps(message).encode() + b"\n")

    def says(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.lines.readline())
        return said

    def settings(self) -> dict[str, Any]:
        """What the fork server is told of it."""
        return {"socket": self.socket, "entries": self.entries}

    def grant(self, child: str, egress: list[str] | None = None) -> None:
        self.send(t="play", child=child, egress=egress)

    def close(self) -> None:
        self.lines.close()
        self.channel.close()
        self.process.wait(10)
        self.folder.cleanup()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
