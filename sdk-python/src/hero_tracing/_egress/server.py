"""Which play a connection is of, and how many it may have. `process` runs this for one executor, in the host's network.

    executor ── fd 3: settings; `play`, `over` ──► proxy ◄── unix socket: `child` with its listeners ── init of a slot
                ◄── `ready`, `refused` ──

1. A listener belongs to one child of a slot, and lies in the slot's own network namespace. So each connection is known by
   the listener that it came from, whatever it says; the executor says which play the child is.
2. A child is over when its listener was shut (by init, before the next child exists) or when the connection of init ends. Its
   connections are closed with it.
3. Nothing is served before the executor has said which play it is (`play`), nor after it has said that this one is `over`.
4. Connections are bounded for each play and in all; beyond, they wait in the kernel's queue of their listener.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from contextlib import suppress
from typing import Any

from .exchange import Dial, Exchange, Limits, OverLimit, Play, dial
from .heads import BadRequest
from .policy import Entry, Policy

CHANNEL_FD = 3
# Of all plays.
MOST_CONNECTIONS = 2048
GRANTED_WITHIN_SECONDS = 2.0
ACCEPT_AGAIN_SECONDS = 0.1
SWEEP_SECONDS = 5.0
_MOST_LISTENERS = 250
_MESSAGE_LIMIT = 1 << 20


class Child:
    """The listeners and connections of one child of a slot."""

    def __init__(self, server: ProxyServer, token: str) -> None:
        self.server, self.token = server, token
        self.play = self._new_play()
        self.listeners: dict[socket.socket, Entry | None] = {}
        self.exchanges: dict[Exchange, asyncio.Task[None]] = {}
        self.granted = asyncio.Event()
        self.listening = False

    def end_play(self) -> None:
        """Its process may be kept for another play of the same version, which finds its connections open; it is counted anew."""
        self.granted.clear()
        self.play = self._new_play()

    def _new_play(self) -> Play:
        return Play(self.server.limits, lambda text: self.server.say(t="refused", child=self.token, text=text))

    def listen(self) -> None:
        if self.listening or len(self.exchanges) >= self.server.limits.connections or self.server.full:
            return
        self.listening = True
        for listener in self.listeners:
            self.server.loop.add_reader(listener, self._accept, listener)

    def pause(self) -> None:
        self.listening = False
        for listener in self.listeners:
            self.server.loop.remove_reader(listener)

    def close(self) -> None:
        self.pause()
        for listener in self.listeners:
            listener.close()
        self.listeners.clear()
        for task in self.exchanges.values():
            task.cancel()
        if self.server.children.get(self.token) is self:
            del self.server.children[self.token]

    def end_silent(self) -> None:
        now = self.server.loop.time()
        for exchange, task in list(self.exchanges.items()):
            if now > exchange.idle_until():
                task.cancel()

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno == errno.EINVAL:  # init has shut it (rule 2)
                return self.close()
            # No descriptor is left: it must not spin until there is one.
            self.pause()
            return self.server.watch()
        client.setblocking(False)
        entry = self.listeners[listener]
        exchange = Exchange(client, self.play, self.server.policy, self.server.dial)
        self.exchanges[exchange] = self.server.loop.create_task(self._serve(exchange, entry))
        self.server.watch()
        if len(self.exchanges) >= self.server.limits.connections or self.server.full:
            self.pause()

    async def _serve(self, exchange: Exchange, entry: Entry | None) -> None:
        try:
            # Rule 3: a play may be faster than the executor's message about it.
            try:
                await asyncio.wait_for(self.granted.wait(), GRANTED_WITHIN_SECONDS)
            except asyncio.TimeoutError:
                return await exchange.unknown(entry)
            await (exchange.http() if entry is None else exchange.tcp(entry))
        except OverLimit as error:
            self.play.refused(f"egress: {error}")
        except (OSError, asyncio.TimeoutError, BadRequest):
            pass
        finally:
            exchange.close()
            del self.exchanges[exchange]
            self.server.listen_again(self)


class ProxyServer:
    """All children of all slots of one executor."""

    def __init__(self, channel: socket.socket, settings: dict[str, Any], policy: Policy, dial: Dial = dial) -> None:
        self.loop = asyncio.get_running_loop()
        self.channel, self.policy, self.dial = channel, policy, dial
        self.limits = Limits(**settings.get("limits", {}))
        self.children: dict[str, Child] = {}
        self.grants: dict[str, list[str] | None] = {}
        self.outbox = b""
        self._sweeper: asyncio.Task[None] | None = None
        channel.setblocking(False)

    @property
    def full(self) -> bool:
        return sum(len(child.exchanges) for child in self.children.values()) >= MOST_CONNECTIONS

    def listen_again(self, ended: Child) -> None:
        for child in (ended, *self.children.values()):
            if self.children.get(child.token) is child:
                child.listen()

    def say(self, **message: object) -> None:
        """Dropped while the executor does not read: it must not hold up the plays."""
        if len(self.outbox) < _MESSAGE_LIMIT:
            self.outbox += json.dumps(message).encode() + b"\n"
            self._flush()

    def _flush(self) -> None:
        try:
            while self.outbox:
                self.outbox = self.outbox[self.channel.send(self.outbox) :]
            self.loop.remove_writer(self.channel)
        except BlockingIOError:
            self.loop.add_writer(self.channel, self._flush)
        except OSError:
            self.outbox = b""

    async def obey(self, held: bytes) -> None:
        """The executor's messages, until its end."""
        while True:
            *lines, held = held.split(b"\n")
            for line in lines:
                message = json.loads(line)
                if message["t"] == "play":
                    self.grants[message["child"]] = message["egress"]
                    self._grant(message["child"])
                else:
                    self.grants.pop(message["child"], None)
                    if message["child"] in self.children:
                        self.children[message["child"]].end_play()
            try:
                part = await self.loop.sock_recv(self.channel, 1 << 16)
            except OSError:
                part = b""
            if not part:
                return
            held += part

    def _grant(self, token: str) -> None:
        child = self.children.get(token)
        if child is not None and token in self.grants:
            child.play.narrowed = self.grants[token]
            child.granted.set()

    async def slots(self, listener: socket.socket) -> None:
        """Serves the inits of slots as they connect."""
        tasks: set[asyncio.Task[None]] = set()
        while True:
            try:
                connection, _ = await self.loop.sock_accept(listener)
            except OSError:
                # No descriptor is left, or the init is gone again: the next one is not to wait for nobody.
                await asyncio.sleep(ACCEPT_AGAIN_SECONDS)
                continue
            task = self.loop.create_task(self._slot(connection))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _slot(self, connection: socket.socket) -> None:
        child: Child | None = None
        try:
            while True:
                line, fds = await self._receive(connection)
                if child is not None:
                    child.close()
                if not line:
                    return
                child = self._adopt(line, fds)
        except (OSError, ValueError, KeyError, IndexError):
            if child is not None:
                child.close()
        finally:
            connection.close()

    def _adopt(self, line: bytes, fds: list[int]) -> Child:
        """`entries`: for each listener -1 if it is the HTTP proxy, or the index of its entry."""
        listeners = [socket.socket(fileno=fd) for fd in fds]
        try:
            told = json.loads(line)
            token, numbers = told["child"], told["entries"]
            entries = [self.policy.entries[number] if number >= 0 else None for number in numbers]
            if len(listeners) != len(entries):
                # The kernel leaves out those for which this process has no descriptor.
                raise ValueError("listeners are missing")
        except (ValueError, KeyError, IndexError):
            for listener in listeners:
                # For init too: what connects to it is refused, and does not wait for nobody.
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                listener.close()
            raise
        child = Child(self, token)
        for listener, entry in zip(listeners, entries):
            listener.setblocking(False)
            child.listeners[listener] = entry
        self.children[token] = child
        self._grant(token)
        child.listen()
        return child

    async def _receive(self, connection: socket.socket) -> tuple[bytes, list[int]]:
        """One line, with the descriptors that came with it."""
        line, fds = b"", []
        while not line.endswith(b"\n"):
            await _readable(self.loop, connection)
            part, more, _, _ = socket.recv_fds(connection, 1 << 16, _MOST_LISTENERS)
            fds += more
            if not part:
                for fd in fds:
                    os.close(fd)
                return b"", []
            line += part
        return line, fds

    def watch(self) -> None:
        """Runs while there are connections, or children that do not listen, so that an idle proxy does nothing."""
        if self._sweeper is None:
            self._sweeper = self.loop.create_task(self._sweep())

    async def _sweep(self) -> None:
        while any(child.exchanges or not child.listening for child in self.children.values()):
            await asyncio.sleep(SWEEP_SECONDS)
            for child in list(self.children.values()):
                child.end_silent()
                child.listen()
        self._sweeper = None


async def _readable(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(connection, wake)
    try:
        await ready
    finally:
        loop.remove_reader(connection)
