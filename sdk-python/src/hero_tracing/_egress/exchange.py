"""One connection of a play: its head is read, its target checked, and then bytes go both ways until one of the limits.

1. One request for each connection, to one address that was checked. Redirects are the client's own: it asks again, and is checked again.
2. At most one buffer of each direction is held: who reads slowly is written to slowly.
3. Head, name, connection, silence and bytes have limits. A refusal is answered in the status line, where clients show it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from . import heads
from .addresses import Address
from .heads import BadRequest
from .policy import Entry, Policy, Refusal, shown
from .turns import Turns

Dial = Callable[[Address, int], Awaitable[socket.socket]]

_BUFFER = 64 * 1024
_LINE_LIMIT = 1024


@dataclass(frozen=True)
class Limits:
    """What one play may take. Tests make them smaller."""

    head_bytes: int = 64 * 1024
    head_seconds: float = 10.0
    resolve_seconds: float = 10.0
    # In all, the name included; and for each address that has another one after it.
    connect_seconds: float = 20.0
    address_seconds: float = 4.0
    idle_seconds: float = 600.0
    half_closed_seconds: float = 60.0
    connections: int = 64
    names: int = 2
    bytes: int = 16 << 30
    refusals_told: int = 20

    def but(self, **changes: Any) -> Limits:
        return replace(self, **changes)


class OverLimit(Exception):
    """The bytes of a play, or the length of a line."""


class Play:
    """What the exchanges of one play share."""

    def __init__(self, limits: Limits, tell: Callable[[str], None]) -> None:
        self.limits, self._tell = limits, tell
        self.narrowed: Iterable[str] | None = None
        self.bytes = 0
        self.names = Turns(limits.names)
        self._refusals = 0

    def count(self, size: int) -> None:
        self.bytes += size
        if self.bytes > self.limits.bytes:
            raise OverLimit(f"the play moved more than {self.limits.bytes} bytes over the network")

    def refused(self, text: str) -> None:
        """For its log; a flood is cut."""
        self._refusals += 1
        if self._refusals < self.limits.refusals_told:
            self._tell(text)
        elif self._refusals == self.limits.refusals_told:
            self._tell(f"{text} (more refusals of this play are not logged)")


async def dial(address: Address, port: int) -> socket.socket:
    """Connects to exactly this address."""
    connection = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (str(address), port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    except BaseException:
        connection.close()
        raise


def interleaved(addresses: list[Address]) -> list[Address]:
    """IPv4 and IPv6 in turn, so that one that does not work here holds up little."""
    kinds = [[one for one in addresses if (one.version == addresses[0].version) is same] for same in (True, False)]
    return [one for pair in zip_longest(*kinds) for one in pair if one is not None]


class Reader:
    """What was read of a connection, and not used yet."""

    def __init__(self, source: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self.source, self.loop = source, loop
        self.held = b""

    async def until(self, end: bytes, limit: int) -> bytes:
        """What comes before `end`."""
        searched = 0
        while (found := self.held.find(end, searched)) < 0 and len(self.held) <= limit:
            searched = max(0, len(self.held) - len(end) + 1)
            data = await self.loop.sock_recv(self.source, 4096)
            if not data:
                raise BadRequest("it ended too early")
            self.held += data
        if not 0 <= found <= limit:
            raise OverLimit(f"its head or a line of it has more than {limit} bytes")
        before, self.held = self.held[:found], self.held[found + len(end) :]
        return before

    async def line(self) -> bytes:
        return await self.until(b"\r\n", _LINE_LIMIT)

    async def some(self, most: int) -> bytes:
        if not self.held:
            return await self.loop.sock_recv(self.source, min(most, _BUFFER))
        part, self.held = self.held[:most], self.held[most:]
        return part


class Exchange:
    """One accepted connection."""

    def __init__(self, client: socket.socket, play: Play, policy: Policy, dial: Dial = dial) -> None:
        self.client, self.play, self.policy, self.dial = client, play, policy, dial
        self.limits = play.limits
        self.host: socket.socket | None = None
        self.loop = asyncio.get_running_loop()
        self.reader = Reader(client, self.loop)
        self.moved_at = self.loop.time()
        self.half_closed = False

    def idle_until(self) -> float:
        return self.moved_at + (self.limits.half_closed_seconds if self.half_closed else self.limits.idle_seconds)

    async def http(self) -> None:
        """Serves the client as an HTTP proxy."""
        try:
            request = heads.request(await asyncio.wait_for(self._head(), self.limits.head_seconds))
        except asyncio.TimeoutError:
            return await self._answer(408, "the request's head took too long")
        except OverLimit as error:
            return await self._answer(431, str(error))
        except BadRequest as error:
            return await self._refuse(400, f"not a request that this proxy takes: {error}")
        target = shown(request.host, request.port)
        try:
            self.host = await self._connect(request.host, request.port)
        except Refusal as error:
            return await self._refuse(403, f"{target} is refused: {error}")
        except (OSError, asyncio.TimeoutError) as error:
            return await self._answer(502, f"{target} cannot be reached: {_text(error)}")
        if request.method == "CONNECT":
            await self._send(self.client, b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._tunnel()
        else:
            await self._forward(request)

    async def tcp(self, entry: Entry) -> None:
        """Connects the client with a named entry."""
        target = shown(entry.host, entry.port)
        try:
            self.host = await self._connect(entry.host, entry.port)
        except Refusal as error:
            return self.play.refused(f"egress: {target} is refused: {error}")
        except (OSError, asyncio.TimeoutError) as error:
            return self.play.refused(f"egress: {target} cannot be reached: {_text(error)}")
        await self._tunnel()

    async def unknown(self, entry: Entry | None) -> None:
        """Serves the client of whom the executor has not said which play it is."""
        text = "the executor is too busy to say which play this is; try again"
        if entry is None:
            await self._refuse(503, text)
        else:
            self.play.refused(f"egress: {shown(entry.host, entry.port)}: {text}")

    def close(self) -> None:
        self.client.close()
        if self.host:
            self.host.close()

    async def _head(self) -> bytes:
        return await self.reader.until(b"\r\n\r\n", self.limits.head_bytes)

    async def _connect(self, host: str, port: int) -> socket.socket:
        until = self.loop.time() + self.limits.connect_seconds
        finding = self.policy.addresses(host, port, self.play.narrowed, self._resolve)
        addresses = interleaved(await asyncio.wait_for(finding, self.limits.resolve_seconds))
        failed: BaseException | None = None
        for left, address in zip(range(len(addresses), 0, -1), addresses):
            wait = (until - self.loop.time()) / left
            try:
                dialling = self.dial(address, port)
                connection = await asyncio.wait_for(
                    dialling, wait if left == 1 else min(wait, self.limits.address_seconds)
                )
            except (OSError, asyncio.TimeoutError) as error:
                failed = error
                continue
            self.moved_at = self.loop.time()
            return connection
        raise failed or OSError("no address")

    async def _resolve(self, host: str) -> list[str]:
        return await self.play.names.take(lambda: self.policy.resolve(host))

    async def _forward(self, request: heads.Request) -> None:
        assert self.host is not None
        await self._send(self.host, request.head())
        sending = asyncio.ensure_future(self._send_body(request.length))
        try:
            await self._send_response()
        except BadRequest as error:
            await self._answer(502, f"{shown(request.host, request.port)} gave no valid answer: {error}")
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError, OSError, BadRequest, OverLimit):
                await sending

    async def _send_body(self, length: int | None) -> None:
        """Rule 1: what follows the body is not read."""
        assert self.host is not None
        try:
            if length is not None:
                await self._copy_body(length)
            else:
                while size := heads.chunk_size(await self.reader.line()):
                    await self._send(self.host, b"%x\r\n" % size)
                    await self._copy_body(size)
                    if await self.reader.line():
                        raise BadRequest("a chunk does not end where it should")
                    await self._send(self.host, b"\r\n")
                while await self.reader.line():
                    pass  # trailers are left out
                await self._send(self.host, b"0\r\n\r\n")
        except BaseException:
            # The host must not take what it got for the whole request.
            with suppress(OSError):
                self.host.shutdown(socket.SHUT_RDWR)
            raise

    async def _send_response(self) -> None:
        assert self.host is not None
        answer = Reader(self.host, self.loop)
        status = 100
        while status < 200:
            status, head = heads.response(await answer.until(b"\r\n\r\n", self.limits.head_bytes))
            if status == 101:
                raise BadRequest("it switches protocols")
            await self._send(self.client, head)
        if answer.held:
            self.play.count(len(answer.held))
            await self._send(self.client, answer.held)
        await self._copy(self.host, self.client)

    async def _tunnel(self) -> None:
        assert self.host is not None
        if self.reader.held:
            await self._send(self.host, self.reader.held)
        both = [
            asyncio.ensure_future(self._copy(self.client, self.host)),
            asyncio.ensure_future(self._copy(self.host, self.client)),
        ]
        try:
            await asyncio.gather(*both)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _copy(self, source: socket.socket, target: socket.socket) -> None:
        while data := await self.loop.sock_recv(source, _BUFFER):
            self.play.count(len(data))
            await self._send(target, data)
        self.half_closed = True
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    async def _copy_body(self, length: int) -> None:
        assert self.host is not None
        while length:
            data = await self.reader.some(length)
            if not data:
                raise BadRequest("the body ended too early")
            self.play.count(len(data))
            await self._send(self.host, data)
            length -= len(data)

    async def _send(self, to: socket.socket, data: bytes) -> None:
        await self.loop.sock_sendall(to, data)
        self.moved_at = self.loop.time()

    async def _refuse(self, status: int, text: str) -> None:
        self.play.refused(f"egress: {text}")
        await self._answer(status, text)

    async def _answer(self, status: int, text: str) -> None:
        """The reason stands in the status line: clients show that one when a tunnel fails."""
        line = "".join(sign if " " <= sign <= "~" else "?" for sign in text)[:500]
        body = f"{text}\n".encode()
        head = (
            f"HTTP/1.1 {status} Egress: {line}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        with suppress(OSError):
            await self._send(self.client, head.encode("ascii") + body)
            self.client.shutdown(socket.SHUT_WR)
            # Closing with unread bytes would reset the connection before the client has read the answer.
            await asyncio.wait_for(self._drain(), 1.0)

    async def _drain(self) -> None:
        left = 1 << 20
        while left > 0 and (data := await self.loop.sock_recv(self.client, _BUFFER)):
            left -= len(data)


def _text(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "it took too long"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
