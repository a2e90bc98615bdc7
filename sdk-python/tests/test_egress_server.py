"""What the proxy does when it has no descriptor left, or the executor is slow: its server in this process, the test as init of a slot."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from hero_tracing._egress import process, server
from hero_tracing._egress.policy import Entry, Policy
from hero_tracing._egress.server import ProxyServer

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the proxy of slots is Linux's")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRANTED_WITHIN_SECONDS", "ACCEPT_AGAIN_SECONDS", "SWEEP_SECONDS"):
        monkeypatch.setattr(server, name, 0.01)


@contextlib.contextmanager
def _no_descriptor_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Scene:
    """`doors`: the listeners of a child, the HTTP proxy and one entry."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.get_running_loop()
        self.ours, theirs = socket.socketpair()
        self.opened = [self.ours, theirs]
        self.ours.setblocking(False)
        self.listener = self._listening(str(folder / "slots.sock"))
        self.doors = [self._listening(str(folder / name)) for name in ("http.sock", "tcp.sock")]
        self.proxy = ProxyServer(theirs, {}, Policy(False, [Entry.of("localhost:1")], self._resolve))

    @staticmethod
    async def _resolve(host: str) -> list[str]:
        raise OSError("no name is known")

    def _listening(self, path: str) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        self.opened.append(listener)
        listener.bind(path)
        listener.listen()
        listener.setblocking(False)
        return listener

    def connected(self, listener: socket.socket) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        self.opened.append(connection)
        connection.connect(listener.getsockname())
        connection.setblocking(False)
        return connection

    def adopt(self, token: str, doors: list[socket.socket]) -> socket.socket:
        """What init says of a child that has two doors."""
        connection = self.connected(self.listener)
        line = json.dumps({"child": token, "entries": [-1, 0]}).encode() + b"\n"
        socket.send_fds(connection, [line], [door.fileno() for door in doors])
        return connection

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            await asyncio.sleep(0)

    async def close(self) -> None:
        for child in list(self.proxy.children.values()):
            tasks = list(child.exchanges.values())
            child.close()
            await asyncio.gather(*tasks, return_exceptions=True)
        for one in self.opened:
            one.close()

    async def read(self, connection: socket.socket) -> bytes:
        return await self.loop.sock_recv(connection, 1 << 16)


@contextlib.asynccontextmanager
async def _serving(scene: Scene) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(scene.proxy.slots(scene.listener))
    try:
        yield task
    finally:
        task.cancel()


def run(test: Callable[[Scene], Coroutine[Any, Any, None]], folder: Path) -> None:
    async def within() -> None:
        scene = Scene(folder)
        try:
            await asyncio.wait_for(test(scene), 30)
        finally:
            await scene.close()

    asyncio.run(within())


def test_slots_are_served_again_when_there_are_descriptors_again(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        with _no_descriptor_left():
            task = asyncio.create_task(scene.proxy.slots(scene.listener))
            for _ in range(5):
                await asyncio.sleep(0)
        assert not task.done()
        scene.adopt("child", scene.doors)
        await scene.until(lambda: "child" in scene.proxy.children)
        task.cancel()

    run(test, tmp_path)


def test_a_child_is_served_again_when_there_are_descriptors_again(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        async with _serving(scene):
            scene.adopt("child", scene.doors)
            await scene.until(lambda: "child" in scene.proxy.children)
            child = scene.proxy.children["child"]
            waiting = scene.connected(scene.doors[0])
            with _no_descriptor_left():
                await scene.until(lambda: not child.listening)
            assert (await scene.read(waiting)).startswith(b"HTTP/1.1 503 ")

    run(test, tmp_path)


def test_a_child_whose_doors_did_not_all_come_is_turned_away(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        async with _serving(scene):
            assert await scene.read(scene.adopt("child", scene.doors[:1])) == b""
            assert scene.proxy.children == {}
            with pytest.raises(ConnectionRefusedError):
                scene.connected(scene.doors[0])

    run(test, tmp_path)


def test_a_connection_of_a_play_that_the_executor_does_not_name_is_answered(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        async with _serving(scene):
            scene.adopt("child", scene.doors)
            await scene.until(lambda: "child" in scene.proxy.children)
            answer = await scene.read(scene.connected(scene.doors[0]))
            assert answer.startswith(b"HTTP/1.1 503 Egress: the executor is too busy")
            assert b"too busy" in await scene.read(scene.ours)
            assert await scene.read(scene.connected(scene.doors[1])) == b""
            assert b"localhost:1: the executor is too busy" in await scene.read(scene.ours)

    run(test, tmp_path)


def test_a_lookup_that_nobody_awaits_is_skipped_or_else_lasts_as_long_as_its_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, free, asked = threading.Event(), threading.Event(), list[bytes]()

    def look_up(host: bytes, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        begun.set()
        free.wait(30)
        return []

    async def test() -> None:
        resolve = process.resolver()
        first, second = asyncio.ensure_future(resolve("first")), asyncio.ensure_future(resolve("second"))
        await asyncio.to_thread(begun.wait, 30)
        first.cancel()
        second.cancel()
        await asyncio.wait([second])
        assert not first.done()
        free.set()
        await asyncio.wait([first])
        assert await resolve("third") == []
        assert asked == [b"first", b"third"]

    monkeypatch.setattr(process, "_RESOLVERS", 1)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    asyncio.run(asyncio.wait_for(test(), 30))


def test_the_proxy_ends_when_its_acceptor_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: ProxyServer, listener: socket.socket) -> None:
        raise RuntimeError("the acceptor ended")

    async def test(scene: Scene) -> None:
        monkeypatch.setattr(ProxyServer, "slots", broken)
        settings = {"public": False, "entries": []}
        with pytest.raises(RuntimeError, match="the acceptor ended"):
            await process._serve(scene.proxy.channel, scene.listener, settings, b"")

    run(test, tmp_path)
