"""What a play may reach: HERO_EGRESS says it for the executor, `@flow(egress=[…])` narrows it for a play.

1. A host is granted before it is resolved: a name that nobody granted is not even looked up.
2. `public` grants ports 80 and 443 of public addresses. Every address that a name has is checked; one that is not public
   refuses the name.
3. A named entry grants its host and port. A name may have an address that is not public only if it had it when it was first resolved.
   A flow that declares `public`, and not the entry, reaches it as any other host: rule 2.
4. The caller connects to the addresses that were returned, and resolves nothing again.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from .addresses import Address, address_in, host_of, is_own, why_not_public

Resolve = Callable[[str], Awaitable[list[str]]]

PUBLIC_PORTS = (80, 443)
MOST_ADDRESSES = 16


class Refusal(Exception):
    """A refused target. Its text names the remedy."""


@dataclass
class Entry:
    """One `host:port` of HERO_EGRESS."""

    host: str
    port: int
    first: frozenset[Address] | None = None

    @staticmethod
    def of(text: str) -> Entry:
        host, _, port = text.rpartition(":")
        return Entry(host_of(host), int(port))


@dataclass
class Policy:
    """What this executor allows to any play."""

    public: bool
    entries: list[Entry]
    resolve: Resolve
    own: Callable[[Address], bool] = field(default=is_own)

    def entry(self, host: str, port: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.host == host and entry.port == port), None)

    async def addresses(
        self, host: str, port: int, narrowed: Iterable[str] | None, resolve: Resolve | None = None
    ) -> list[Address]:
        """The addresses to which a connection may be made. Raises Refusal, and OSError where the name cannot be resolved.

        `resolve`: how this caller has a name looked up, if not by the policy's own.
        """
        resolve = resolve or self.resolve
        entry = named = self.entry(host, port)
        if entry is not None and narrowed is not None and self._only_public(narrowed, entry):
            entry = None
        if entry is None:
            self._granted_by_public(host, port)
        if narrowed is not None and not any(matches(one, host, port, entry is None) for one in narrowed):
            raise Refusal(f"this flow does not declare it; {_flows_remedy(host, port)}")
        literal = address_in(host)
        if entry is not None:
            return [literal] if literal is not None else await self._named(entry, resolve)
        found = [literal] if literal is not None else await _resolved(host, resolve)
        for address in found:
            what = why_not_public(address)
            if what is None and self.own(address):
                what = "this machine's own"
            if what is not None:
                where = "it is" if literal is not None else "its name leads to"
                remedy = _remedy(host, port) if named is None else _flows_remedy(host, port)
                raise Refusal(f"{where} {what} address; {remedy}")
        return found

    async def pin(self) -> None:
        """Resolves the named entries once, as far as that succeeds."""
        for entry in self.entries:
            if address_in(entry.host) is None and entry.first is None:
                try:
                    await self._named(entry, self.resolve)
                except (OSError, Refusal):
                    pass

    def _only_public(self, narrowed: Iterable[str], entry: Entry) -> bool:
        """Whether a flow declares `public`, which may cover this entry too, and nothing else that covers it."""
        if not self.public or entry.port not in PUBLIC_PORTS or "public" not in narrowed:
            return False
        return not any(matches(one, entry.host, entry.port, False) for one in narrowed)

    def _granted_by_public(self, host: str, port: int) -> None:
        if not self.public:
            raise Refusal(f"HERO_EGRESS does not name it; {_remedy(host, port)}")
        if port not in PUBLIC_PORTS:
            raise Refusal(f"`public` means the ports 80 and 443; {_remedy(host, port)}")

    async def _named(self, entry: Entry, resolve: Resolve) -> list[Address]:
        """Rule 3."""
        found = await _resolved(entry.host, resolve)
        if entry.first is None:
            entry.first = frozenset(found)
        for address in found:
            if why_not_public(address) is None:
                continue
            if address.is_link_local or address.is_multicast or address.is_unspecified:
                raise Refusal(
                    "its name leads to a link-local or multicast address; name the address itself in HERO_EGRESS"
                )
            if address not in entry.first:
                raise Refusal(
                    "its name leads to another private address than at first; restart the executor if it moved"
                )
        return found


async def _resolved(host: str, resolve: Resolve) -> list[Address]:
    texts = await resolve(host)
    try:
        found = [ipaddress.ip_address(text) for text in dict.fromkeys(texts)][:MOST_ADDRESSES]
    except ValueError:
        raise Refusal("its name leads to a link-local address") from None
    if not found:
        raise OSError("the name has no address")
    return found


def matches(pattern: str, host: str, port: int, by_public: bool) -> bool:
    """Whether an entry of `@flow(egress=[…])` covers a host: `public`, `host`, `host:port`, `*.domain`, `*.domain:port`.

    >>> matches("*.example.org", "api.example.org", 443, True), matches("example.org:80", "example.org", 443, True)
    (True, False)
    """
    if pattern == "public":
        return by_public
    name, wanted_port = split(pattern)
    if wanted_port is not None and wanted_port != port:
        return False
    if name.startswith("*."):
        return host.endswith(name[1:]) and address_in(host) is None
    try:
        return host_of(name) == host
    except ValueError:
        return False


def split(pattern: str) -> tuple[str, int | None]:
    """Host and port; an IPv6 address with a port is in brackets."""
    host, colon, port = pattern.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")) or not port.isdecimal():
        return pattern.lower(), None
    return host.lower(), int(port)


def shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _remedy(host: str, port: int) -> str:
    return f"whoever runs the executor can name {shown(host, port)} in HERO_EGRESS"


def _flows_remedy(host: str, port: int) -> str:
    return f"add {shown(host, port)!r} to @flow(egress=[…])"
