"""HTTP/1.1 heads, read strictly: what two readers could understand differently is refused (RFC 9112).

1. One request a connection: whatever follows its body is read by nobody, so there is no second request to smuggle in.
2. A body has one length: both `Content-Length` and `Transfer-Encoding`, two lengths, or another coding than `chunked` are refused.
3. `Host` is written anew from the target.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .addresses import host_of

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST = re.compile(rf"({_TOKEN}) ([\x21-\x7e]+) (HTTP/1\.[01])")
_STATUS = re.compile(r"HTTP/1\.[01] ([1-5][0-9]{2})( [\t\x20-\x7e\x80-\xff]*)?")
_FIELD = re.compile(rf"({_TOKEN}):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#@]+)(?::([0-9]{1,5}))?")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n]*)?")
_HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate", "te", "trailer", "upgrade", "http2-settings",
}  # fmt: skip

Fields = list[tuple[str, str]]


class BadRequest(Exception):
    """A head that is refused, with what is wrong with it."""


@dataclass
class Request:
    """One request of a play. `target`: what is sent to the host; empty for CONNECT. `length`: None if the body is chunked."""

    method: str
    host: str
    port: int
    target: str
    fields: Fields
    length: int | None

    def head(self) -> bytes:
        """As it is sent to the host."""
        # `port` was 80 unless it was written.
        name = f"[{self.host}]" if ":" in self.host else self.host
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {name if self.port == 80 else f'{name}:{self.port}'}"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("latin-1")


def request(head: bytes) -> Request:
    """Reads a head, without its empty line. Raises BadRequest."""
    first, fields = _read(head)
    found = _REQUEST.fullmatch(first)
    if not found:
        raise BadRequest("the request line is not one")
    method, target, version = found.groups()
    if method == "CONNECT":
        host, port = _authority(target, None)
        return Request(method, host, port, "", [], 0)
    if target.startswith("https://"):
        raise BadRequest("for https this proxy takes CONNECT")
    if not target.startswith("http://"):
        raise BadRequest("this is a proxy; the target must be a whole http:// address")
    authority, slash, rest = target[len("http://") :].partition("/")
    authority, question, query = authority.partition("?")
    host, port = _authority(authority, 80)
    names = [name for name, _ in fields]
    if names.count("host") > 1:
        raise BadRequest("there are several Host fields")
    length = _length(fields, version)
    path = f"/{question}{query}{slash}{rest}" if question else f"/{rest}"
    return Request(
        method,
        host,
        port,
        path.partition("#")[0],
        _end_to_end(fields, "host", "expect" if version == "HTTP/1.0" else "host"),
        length,
    )


def response(head: bytes) -> tuple[int, bytes]:
    """The status of a host's answer, and its head as the play gets it: the connection ends with it. Raises BadRequest."""
    first, fields = _read(head)
    found = _STATUS.fullmatch(first)
    if not found:
        raise BadRequest("the status line is not one")
    status = int(found[1])
    kept = _end_to_end(fields)
    lines = [first, *(f"{name}: {value}" for name, value in kept), *(["Connection: close"] if status >= 200 else [])]
    return status, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk_size(line: bytes) -> int:
    """Of a chunk's first line; its extensions are left out. Raises BadRequest."""
    found = _CHUNK_SIZE.fullmatch(line)
    if not found:
        raise BadRequest("a chunk has no valid size")
    return int(found[1], 16)


def _read(head: bytes) -> tuple[str, Fields]:
    lines = head.decode("latin-1").split("\r\n")
    if any(sign in head.replace(b"\r\n", b"") for sign in (b"\r", b"\n", b"\0")):
        raise BadRequest("a line ends otherwise than with CR LF, or has a NUL")
    fields: Fields = []
    for line in lines[1:]:
        found = _FIELD.fullmatch(line)
        if not found:
            raise BadRequest("a header field is not one, or goes over several lines")
        fields.append((found[1].lower(), found[2]))
    return lines[0], fields


def _authority(text: str, default: int | None) -> tuple[str, int]:
    found = _AUTHORITY.fullmatch(text)
    if not found or (found[2] is None and default is None):
        raise BadRequest("the target is not host:port")
    port = int(found[2]) if found[2] is not None else default
    if port is None or not 0 < port < 65536:
        raise BadRequest("the port is not one")
    try:
        return host_of(found[1]), port
    except ValueError as error:
        raise BadRequest(f"the host is not one: {error}") from None


def _length(fields: Fields, version: str) -> int | None:
    """Rule 2."""
    lengths = [value for name, value in fields if name == "content-length"]
    codings = [value for name, value in fields if name == "transfer-encoding"]
    if codings:
        if lengths or len(codings) > 1 or codings[0].lower() != "chunked" or version == "HTTP/1.0":
            raise BadRequest("the length of the body is ambiguous")
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not re.fullmatch(r"[0-9]{1,15}", lengths[0]):
        raise BadRequest("the length of the body is ambiguous")
    return int(lengths[0])


def _end_to_end(fields: Fields, *left_out: str) -> Fields:
    """Without what concerns one connection only."""
    named = {word.strip().lower() for name, value in fields if name == "connection" for word in value.split(",")}
    # A field that frames the message cannot be made to vanish by naming it in Connection.
    named -= {"content-length", "transfer-encoding", "host"}
    return [(name, value) for name, value in fields if name not in _HOP_BY_HOP | named | set(left_out)]
