"""The executor's side of a fork server, for tests: starts one and runs Python text as plays of it."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SOURCES = str(Path(__file__).resolve().parent.parent / "src")
# The play's side of these tests: runs the text it is sent instead of a flow.
STAND_IN = """
import sys
sys.path[:] = [folder for folder in sys.path if folder]
sys.path.insert(0, {sources!r})
def run_play(control, telemetry, begin):
    import json
    with control.makefile("rb") as lines:
        sid, text = json.loads(lines.readline())
    begin(sid)
    def say(value):
        control.sendall(json.dumps(value).encode() + b"\\n")
    names = {{"say": say, "control": control, "telemetry": telemetry}}
    try:
        exec(text, names)
    except Exception as error:
        say({{"error": type(error).__name__, "text": str(error)}})
    return names.get("code", 0)
import hero_tracing._play, hero_tracing.forkserver, hero_tracing._rehearsal
hero_tracing._play.run_play = run_play
hero_tracing.forkserver.main()
"""
LIMITS = {"nofile": 1024, "core": 0, "fsize": 1 << 30, "as": 4 << 30, "nproc": 256}


class NotStarted(Exception):
    """The fork server could not start it."""


class Play:
    """One ordered attempt and its three connections."""

    def __init__(self, executor: Executor, number: int, sid: str) -> None:
        self.executor, self.number, self.sid = executor, number, sid
        self.token = f"token-{number}"
        self.workdir = executor.plays / f"{sid}.{number}" / "work"
        self.lanes: dict[str, socket.socket] = {}
        self.lines: Any = None

    def run(self, text: str) -> None:
        self.executor.lanes_of(self)
        self.lines = self.lanes["control"].makefile("rb")
        self.executor.opened.append(self.lines)
        self.lanes["control"].sendall(json.dumps([self.sid, text]).encode() + b"\n")

    def says(self) -> Any:
        line = self.lines.readline()
        return json.loads(line) if line else None

    def output(self) -> str:
        parts = []
        while part := self.lanes["output"].recv(1 << 16):
            parts.append(part)
        return b"".join(parts).decode()

    def exit(self) -> dict[str, Any]:
        return self.executor.await_message("exit", self.number)


class Executor:
    """A fork server with its listening socket and its folders."""

    def __init__(
        self, uid: int | None = None, python: str = sys.executable, where: str | None = None, **settings: Any
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hero-fs-", dir=where))
        self.home = self.folder / "home"
        self.plays = self.home / "var" / "plays" / "x1"
        self.plays.mkdir(parents=True)
        self.uid = uid
        sockets = self.home / "var" / "sockets"
        sockets.mkdir(mode=0o700)
        self.address = str(sockets / "plays.sock")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.address)
        os.chmod(self.address, 0o666)
        self.listener.listen(64)
        self.listener.settimeout(10)
        if uid is not None:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, uid, uid)
        self.secret = self.home / "var" / "secret"
        self.secret.write_text("canary")
        self.silent: list[socket.socket] = []
        self.opened: list[Any] = []
        self.pending: dict[str, dict[str, socket.socket]] = {}
        self.messages: list[dict[str, Any]] = []
        self.inbox = b""
        self.count = 0
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(10)
        # As apps/executor/src/fork-server.ts starts it.
        command = [python, "-s", "-B", "-X", "utf8", "-c", STAND_IN.format(sources=SOURCES)]
        if uid is not None:
            command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *command]

        def hand_over_channel() -> None:
            os.dup2(theirs.fileno(), 3)

        self.process = subprocess.Popen(
            command, env={"PYTHONHASHSEED": "0"}, close_fds=False, preexec_fn=hand_over_channel, cwd="/"
        )
        theirs.close()
        self.settings = {
            "t": "settings",
            "socket": self.address,
            "plays": str(self.plays),
            "shown_plays": str(self.home / "var" / "plays"),
            "sandbox": "default",
            "egress": "none",
            "mounts": [],
            "preload": [],
            "packages": None,
            **settings,
        }
        self.send(self.settings)
        try:
            self.ready = self.await_message("ready")
        except BaseException:
            self.close()
            raise

    def send(self, message: dict[str, Any]) -> None:
        self.channel.sendall(json.dumps(message).encode() + b"\n")

    def await_message(self, kind: str, number: int | None = None) -> dict[str, Any]:
        while True:
            for message in self.messages:
                if message["t"] == "failed":
                    raise AssertionError(message)
                if message["t"] == kind and message.get("id") == number:
                    self.messages.remove(message)
                    return message
            self._hear()

    def _hear(self) -> None:
        part = self.channel.recv(1 << 16)
        if not part:
            raise AssertionError(f"the fork server ended; {self.messages}")
        *lines, self.inbox = (self.inbox + part).split(b"\n")
        self.messages += [json.loads(line) for line in lines]

    def start(self, text: str, sid: str = "p1", **order: Any) -> Play:
        """Runs the text in a child that is forked for it."""
        play = self.order(sid, sid, **order)
        play.run(text)
        return play

    def arm(self, sid: str = "p1", **order: Any) -> Play:
        """A child that waits, sandboxed and connected, to be told which play it is (`Play.run`)."""
        play = self.order(sid, None, **order)
        self.lanes_of(play)
        return play

    def order(self, name: str, sid: str | None, **order: Any) -> Play:
        self.count += 1
        play = Play(self, self.count, name)
        play.workdir.mkdir(parents=True)
        os.chmod(play.workdir, 0o700)
        owner = self.ready["uid"]
        if os.getuid() != owner:
            os.chown(play.workdir, owner, owner)
        message = {
            "t": "fork",
            "id": play.number,
            "sid": sid,
            "kind": "play",
            "token": play.token,
            "workdir": str(play.workdir),
            "limits": LIMITS,
            **order,
        }
        self.send(message)
        return play

    def lanes_of(self, play: Play) -> None:
        """Waits for the three connections of a play."""
        deadline = time.monotonic() + 10
        while True:
            play.lanes.update(self.pending.pop(play.token, {}))
            if len(play.lanes) == 3:
                return
            readable, _, _ = select.select([self.listener, self.channel, *self.silent], [], [], 5)
            for source in readable:
                if source is self.listener:
                    connection, _ = source.accept()
                    connection.settimeout(10)
                    self.silent.append(connection)
                    self.opened.append(connection)
                elif source is self.channel:
                    self._hear()
                else:
                    self._greet(source)
            refused = [m for m in self.messages if m["t"] == "not_started" and m["id"] == play.number]
            if refused or time.monotonic() > deadline:
                raise NotStarted(refused or "no connections")

    def _greet(self, connection: socket.socket) -> None:
        self.silent.remove(connection)
        line = b""
        while not line.endswith(b"\n"):
            byte = connection.recv(1)
            if not byte:
                return
            line += byte
        hello = json.loads(line)
        assert hello["t"] == "hello"
        self.pending.setdefault(hello["token"], {})[hello["lane"]] = connection

    def forget(self, play: Play) -> None:
        """Closes what is open of a play that has ended: `select` knows a thousand descriptors only."""
        for opened in (play.lines, *play.lanes.values()):
            opened.close()
            if opened in self.opened:
                self.opened.remove(opened)

    def lease(self, seconds: float) -> None:
        self.send({"t": "lease", "until_ms": (time.monotonic() + seconds) * 1000})

    def close(self) -> None:
        self.channel.close()
        self.process.wait(10)
        self.listener.close()
        for opened in self.opened:
            opened.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
