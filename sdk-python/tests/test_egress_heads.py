"""Heads that two readers could understand differently are refused."""

from __future__ import annotations

import pytest

from hero_tracing._egress.heads import BadRequest, chunk_size, request, response

HOST = b"GET http://a.example/ HTTP/1.1\r\nHost: a.example"


@pytest.mark.parametrize(
    ("target", "host", "port", "sent"),
    [
        ("http://A.example.:8080/p?q=1", "a.example", 8080, "/p?q=1"),
        ("http://a.example", "a.example", 80, "/"),
        ("http://a.example?q", "a.example", 80, "/?q"),
        ("http://a.example?q=/b", "a.example", 80, "/?q=/b"),
        ("http://[2001:DB8::1]/x", "2001:db8::1", 80, "/x"),
        ("http://a.example/p#f", "a.example", 80, "/p"),
    ],
)
def test_a_request_is_for_the_host_of_its_target(target: str, host: str, port: int, sent: str) -> None:
    found = request(f"GET {target} HTTP/1.1\r\nHost: other.internal\r\nAccept: x".encode())
    assert (found.host, found.port, found.target, found.length) == (host, port, sent, 0)
    named = f"[{host}]" if ":" in host else host
    assert found.head().decode().split("\r\n") == [
        f"GET {sent} HTTP/1.1", f"Host: {named}{'' if port == 80 else f':{port}'}", "accept: x", "Connection: close", "", "",
    ]  # fmt: skip


def test_what_concerns_one_connection_only_is_not_passed_on() -> None:
    fields = "Connection: X-One, content-length\r\nX-One: 1\r\nProxy-Authorization: Basic eA==\r\nTE: gzip\r\nUpgrade: h2c\r\nContent-Length: 3"
    head = request(f"POST http://a.example/ HTTP/1.1\r\n{fields}".encode()).head().decode()
    assert head == "POST / HTTP/1.1\r\nHost: a.example\r\ncontent-length: 3\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"", b"GET", b"GET / HTTP/1.1", b"GET  http://a.example/ HTTP/1.1", b"GET http://a.example/ HTTP/1.1 x",
        b"GET http://a.example/ HTTP/2.0", b"GET http://a.example/\tx HTTP/1.1", b"G\xc3\xa4T http://a.example/ HTTP/1.1",
        b"GET https://a.example/ HTTP/1.1", b"GET ftp://a.example/ HTTP/1.1", b"GET //a.example/ HTTP/1.1",
        b"GET http://user@a.example/ HTTP/1.1", b"GET http://a.example@127.0.0.1/ HTTP/1.1",
        b"GET http://a.example\\@127.0.0.1/ HTTP/1.1", b"GET http://a.example#@127.0.0.1/ HTTP/1.1",
        b"GET http://a.example:/ HTTP/1.1", b"GET http://a.example:0/ HTTP/1.1", b"GET http://a.example:65536/ HTTP/1.1",
        b"GET http://a.example:+80/ HTTP/1.1", b"GET http:///x HTTP/1.1", b"GET http://0x7f.1/ HTTP/1.1",
        b"GET http://[::1%25lo]/ HTTP/1.1", b"GET http://\xe2\x91\xa0.0.0.1/ HTTP/1.1",
        b"CONNECT a.example HTTP/1.1", b"CONNECT http://a.example:443 HTTP/1.1", b"CONNECT a.example:443/x HTTP/1.1",
        b"CONNECT u@a.example:443 HTTP/1.1", b"CONNECT 2130706433:443 HTTP/1.1", b"CONNECT :443 HTTP/1.1",
        HOST + b"\r\nHost: b.example", HOST + b"\r\nX : 1", HOST + b"\r\nX: 1\r\n folded", HOST + b"\r\n: 1", HOST + b"\r\nX",
        HOST + b"\r\nX: a\nY: b", HOST + b"\r\nX: a\rY: b", HOST + b"\r\nX: \0", HOST + b"\r\nX\xff: 1",
        HOST + b"\r\nContent-Length: 1\r\nContent-Length: 2", HOST + b"\r\nContent-Length: 1, 1", HOST + b"\r\nContent-Length: -1",
        HOST + b"\r\nContent-Length: +1", HOST + b"\r\nContent-Length: 0x1", HOST + b"\r\nContent-Length: ",
        HOST + b"\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", HOST + b"\r\nTransfer-Encoding: gzip, chunked",
        HOST + b"\r\nTransfer-Encoding: identity", HOST + b"\r\nTransfer-Encoding: xchunked",
        HOST + b"\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", HOST + b"\r\nTransfer-Encoding:\x0bchunked",
        b"GET http://a.example/ HTTP/1.0\r\nTransfer-Encoding: chunked",
    ],
)  # fmt: skip
def test_an_ambiguous_request_is_refused(head: bytes) -> None:
    with pytest.raises(BadRequest):
        request(head)


@pytest.mark.parametrize("line", [b"", b"-1", b"+1", b"0x1", b" 1", b"1 1", b"g", b"1" * 16, b"1\n"])
def test_a_chunk_has_a_plain_size(line: bytes) -> None:
    with pytest.raises(BadRequest):
        chunk_size(line)


def test_a_chunks_extensions_are_left_out() -> None:
    assert chunk_size(b"fF;name=value") == 255


def test_an_answer_ends_its_connection() -> None:
    status, head = response(b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 2")
    assert (status, head) == (200, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\n")
    for bad in (b"HTTP/2 200", b"HTTP/1.1 OK", b"HTTP/1.1 200 OK\r\nX: a\nY: b", b"220 smtp"):
        with pytest.raises(BadRequest):
            response(bad)
