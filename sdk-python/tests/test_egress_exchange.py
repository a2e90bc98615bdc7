"""One connection through the proxy at `public`, with an injected resolver and an injected connector: hosts are sockets of this test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from hero_tracing._egress.addresses import Address
from hero_tracing._egress.exchange import BadRequest, Dial, Exchange, Limits, OverLimit, Play
from hero_tracing._egress.policy import Policy

SITE = "8.8.8.8"


class Street:
    """A proxy between a client and a host that the test plays. `answers` are what the resolver says, in turn."""

    def __init__(self, *answers: list[str], **limits: Any) -> None:
        self.answers = list(answers) or [[SITE]]
        self.dialled: list[tuple[str, int]] = []
        self.logged: list[str] = []
        self.hosts: asyncio.Queue[socket.socket] = asyncio.Queue()
        self.policy = Policy(True, [], self._resolve, lambda address: False)
        self.play = Play(Limits().but(**limits), self.logged.append)
        self.dial: Dial = self._dial
        self.opened: list[socket.socket] = []
        self.exchanges: list[asyncio.Task[None]] = []

    async def _resolve(self, host: str) -> list[str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def _dial(self, address: Address, port: int) -> socket.socket:
        self.dialled.append((str(address), port))
        ours, theirs = self._pair()
        self.hosts.put_nowait(theirs)
        return ours

    def _pair(self) -> tuple[socket.socket, socket.socket]:
        pair = socket.socketpair()
        for one in pair:
            one.setblocking(False)
        self.opened += pair
        return pair

    async def client(self, text: bytes = b"") -> Peer:
        ours, theirs = self._pair()
        exchange = Exchange(theirs, self.play, self.policy, self.dial)

        async def serve() -> None:
            try:
                await exchange.http()
            finally:
                exchange.close()

        self.exchanges.append(asyncio.create_task(serve()))
        peer = Peer(ours)
        await peer.send(text)
        return peer

    async def host(self) -> Peer:
        return Peer(await asyncio.wait_for(self.hosts.get(), 5))

    async def ended(self) -> list[BaseException | None]:
        return await asyncio.gather(*self.exchanges, return_exceptions=True)

    def close(self) -> None:
        for one in self.opened:
            one.close()


class Peer:
    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.loop = asyncio.get_running_loop()

    async def send(self, text: bytes) -> None:
        await self.loop.sock_sendall(self.socket, text)

    async def reads(self, size: int) -> bytes:
        held = b""
        while len(held) < size:
            part = await asyncio.wait_for(self.loop.sock_recv(self.socket, size - len(held)), 5)
            if not part:
                break
            held += part
        return held

    async def head(self) -> bytes:
        held = b""
        while not held.endswith(b"\r\n\r\n"):
            part = await self.reads(1)
            assert part, held
            held += part
        return held

    async def rest(self) -> bytes:
        return await self.reads(1 << 30)

    def end(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)


def run(test: Callable[[Street], Coroutine[Any, Any, None]], street_of: Callable[[], Street] = Street) -> None:
    async def within() -> None:
        street = street_of()
        try:
            await asyncio.wait_for(test(street), 30)
        finally:
            for exchange in street.exchanges:
                exchange.cancel()
            await street.ended()
            street.close()

    asyncio.run(within())


def test_a_tunnel_moves_bytes_both_ways_until_both_have_ended() -> None:
    async def scene(street: Street) -> None:
        client = await street.client(b"CONNECT api.example:443 HTTP/1.1\r\nHost: x\r\n\r\nearly")
        host = await street.host()
        assert await client.head() == b"HTTP/1.1 200 Connection established\r\n\r\n"
        assert await host.reads(5) == b"early"
        big = b"x" * 300_000
        sending = asyncio.create_task(host.send(big))
        assert await client.reads(len(big)) == big
        await sending
        client.end()
        assert await host.rest() == b""
        await host.send(b"last")
        host.end()
        assert await client.rest() == b"last"
        assert await street.ended() == [None]
        assert (street.dialled, street.play.bytes) == ([(SITE, 443)], 300_004)

    run(scene)


def test_a_request_is_forwarded_alone() -> None:
    async def scene(street: Street) -> None:
        second = b"GET http://127.0.0.1/ HTTP/1.1\r\n\r\n"
        text = b"POST http://api.example/p HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nbody" + second
        client = await street.client(text)
        host = await street.host()
        assert (
            await host.head()
            == b"POST /p HTTP/1.1\r\nHost: api.example\r\ncontent-length: 4\r\nConnection: close\r\n\r\n"
        )
        assert await host.reads(4) == b"body"
        await host.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok")
        assert await client.head() == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\n"
        assert await client.reads(2) == b"ok"
        host.end()
        assert await client.rest() == b""
        assert await host.rest() == b"", "what followed the body was not sent"
        assert street.dialled == [(SITE, 80)]

    run(scene)


def test_a_chunked_body_is_written_anew() -> None:
    async def scene(street: Street) -> None:
        head = b"POST http://api.example/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        client = await street.client(head)
        host = await street.host()
        assert b"expect: 100-continue" in await host.head()
        await host.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"4;ext=1\r\nbody\r\n0\r\nTrailer: x\r\n\r\nGET http://10.0.0.1/ HTTP/1.1\r\n\r\n")
        await host.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 204")
        assert await host.reads(14) == b"4\r\nbody\r\n0\r\n\r\n"
        host.end()
        assert await host.rest() == b""

    run(scene)


@pytest.mark.parametrize("body", [b"Z\r\n", b"1\r\nab\r\n", b"-1\r\n", b"1" * 2000 + b"\r\n"])
def test_a_broken_chunk_reaches_no_host_as_a_whole_request(body: bytes) -> None:
    async def scene(street: Street) -> None:
        client = await street.client(b"POST http://api.example/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        host = await street.host()
        await host.head()
        assert not (await host.rest()).endswith(b"0\r\n\r\n")
        [error] = await street.ended()
        assert error is None or isinstance(error, (BadRequest, OverLimit, OSError))
        client.socket.close()

    run(scene)


def test_a_redirect_is_the_clients_to_follow_and_is_checked_again() -> None:
    async def scene(street: Street) -> None:
        client = await street.client(b"GET http://api.example/ HTTP/1.1\r\n\r\n")
        host = await street.host()
        await host.head()
        await host.send(b"HTTP/1.1 302 Found\r\nLocation: http://inner.example/\r\nContent-Length: 0\r\n\r\n")
        host.end()
        assert b"location: http://inner.example/" in await client.head()
        street.answers = [["10.0.0.1"]]
        again = await street.client(b"GET http://inner.example/ HTTP/1.1\r\n\r\n")
        assert (await again.head()).startswith(
            b"HTTP/1.1 403 Egress: inner.example:80 is refused: its name leads to a private"
        )
        assert street.dialled == [(SITE, 80)]

    run(scene)


def test_the_address_that_was_checked_is_the_one_that_is_connected_to() -> None:
    async def scene(street: Street) -> None:
        await street.client(b"CONNECT rebinding.example:443 HTTP/1.1\r\n\r\n")
        await street.host()
        client = await street.client(b"CONNECT rebinding.example:443 HTTP/1.1\r\n\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 403")
        assert street.dialled == [(SITE, 443)]

    run(scene, lambda: Street([SITE], ["127.0.0.1"]))


def test_a_refusal_is_logged_with_its_remedy_and_a_flood_of_them_is_cut() -> None:
    async def scene(street: Street) -> None:
        for _ in range(5):
            client = await street.client(b"CONNECT api.example:22 HTTP/1.1\r\n\r\n")
            answer = await client.rest()
            assert (
                answer.startswith(b"HTTP/1.1 403 Egress: api.example:22 is refused")
                and b"api.example:22 in HERO_EGRESS" in answer
            )
        assert len(street.logged) == 3 and street.logged[-1].endswith("(more refusals of this play are not logged)")

    run(scene, lambda: Street(refusals_told=3))


def test_what_a_client_sends_never_breaks_the_status_line() -> None:
    async def scene(street: Street) -> None:
        client = await street.client(b"GET http://\xff\xfe<script>/ HTTP/1.1\r\n\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 400 Egress: not a request")

    run(scene)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET http://api.example/ HTTP/1.1\r\nX: " + b"x" * 70_000, b"431"),
        (b"GET http://api.example/ HTTP/1.1\r\n" + b"X: 1\r\n" * 12_000 + b"\r\n", b"431"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: api.example\r\n\r\n", b"400"),
    ],
)
def test_a_head_that_is_too_long_or_none_is_refused(head: bytes, status: bytes) -> None:
    async def scene(street: Street) -> None:
        client = await street.client()
        sending = asyncio.create_task(client.send(head))
        assert (await client.head()).startswith(b"HTTP/1.1 " + status)
        sending.cancel()
        assert street.dialled == []

    run(scene)


def test_a_slow_head_is_not_waited_for() -> None:
    async def scene(street: Street) -> None:
        client = await street.client(b"GET http://api.exa")
        assert (await client.head()).startswith(b"HTTP/1.1 408")

    run(scene, lambda: Street(head_seconds=0.01))


def test_a_play_moves_no_more_bytes_than_it_may() -> None:
    async def scene(street: Street) -> None:
        client = await street.client(b"CONNECT api.example:443 HTTP/1.1\r\n\r\n")
        host = await street.host()
        await client.head()
        await host.send(b"x" * 200)
        [error] = await street.ended()
        assert isinstance(error, OverLimit)

    run(scene, lambda: Street(bytes=100))


def test_a_name_that_hangs_and_a_host_that_is_not_there_are_said() -> None:
    async def scene(street: Street) -> None:
        async def never(host: str) -> list[str]:
            await asyncio.Event().wait()
            return []

        async def no_name(host: str) -> list[str]:
            raise socket.gaierror(-2, "Name or service not known")

        for resolve, why in ((never, b"it took too long"), (no_name, b"Name or service not known")):
            street.policy.resolve = resolve
            client = await street.client(b"CONNECT api.example:443 HTTP/1.1\r\n\r\n")
            assert (await client.head()).startswith(b"HTTP/1.1 502 Egress: api.example:443 cannot be reached: " + why)

    run(scene, lambda: Street(resolve_seconds=0.05))


def test_ipv4_and_ipv6_are_tried_in_turn_and_all_of_them_within_one_limit() -> None:
    four, six = [f"8.8.8.{n}" for n in range(8)], [f"2606:4700::{n}" for n in range(1, 9)]

    async def scene(street: Street) -> None:
        async def refuse(address: Address, port: int) -> socket.socket:
            street.dialled.append((str(address), port))
            raise ConnectionRefusedError(111, "Connection refused")

        async def never(address: Address, port: int) -> socket.socket:
            await asyncio.Event().wait()
            raise AssertionError

        for dial, why in ((refuse, b"Connection refused"), (never, b"it took too long")):
            street.dial = dial
            client = await street.client(b"CONNECT api.example:443 HTTP/1.1\r\n\r\n")
            assert (await client.head()).startswith(b"HTTP/1.1 502 Egress: api.example:443 cannot be reached: " + why)
        assert [host for host, _ in street.dialled] == [one for pair in zip(four, six) for one in pair]

    run(scene, lambda: Street([*four, *six], connect_seconds=0.2))


def test_a_play_has_few_names_looked_up_at_once_and_takes_nothing_from_others() -> None:
    async def scene(street: Street) -> None:
        hanging: list[str] = []
        give_up = asyncio.Event()

        async def hang(host: str) -> list[str]:
            hanging.append(host)
            try:
                await give_up.wait()
            except asyncio.CancelledError:
                await give_up.wait()  # as the thread of a lookup that nobody awaits
                raise
            return [SITE]

        street.policy.resolve = hang
        clients = [await street.client(b"CONNECT %d.example:443 HTTP/1.1\r\n\r\n" % number) for number in range(5)]
        for client in clients:
            assert (await client.head()).startswith(b"HTTP/1.1 502")
        assert hanging == ["0.example", "1.example"], "two hang still; nobody waits for the others, and none begins"
        street.play = Play(street.play.limits, street.logged.append)
        await street.client(b"CONNECT other.example:443 HTTP/1.1\r\n\r\n")
        give_up.set()
        await street.host()
        assert hanging[2:] == ["other.example"]

    run(scene, lambda: Street(resolve_seconds=0.05))


def test_a_host_that_does_not_speak_http_is_not_passed_on() -> None:
    async def scene(street: Street) -> None:
        for answer in (b"220 smtp ready\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"):
            client = await street.client(b"GET http://api.example/ HTTP/1.1\r\n\r\n")
            host = await street.host()
            await host.head()
            await host.send(answer)
            assert (await client.head()).startswith(b"HTTP/1.1 502")

    run(scene)
