"""Which hosts may be asked for, and which addresses are public: an allow-list, so that what is unknown is refused.

1. A host is a DNS name or an address in its usual form. `2130706433`, `0x7f.1` and `0177.0.0.1` are refused: the system's resolver
   would read them as addresses.
2. An address that carries another one (IPv4-mapped, NAT64, 6to4, Teredo, ISATAP) is judged by what it carries, or refused.
"""

from __future__ import annotations

import ipaddress
import re
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IANA's special-purpose registries (RFC 6890), and one metadata address that lies among public ones.
_SPECIAL_V4 = {
    ipaddress.IPv4Network(text): what
    for text, what in {
        "0.0.0.0/8": "an unspecified", "10.0.0.0/8": "a private", "100.64.0.0/10": "a shared (CGNAT)",
        "127.0.0.0/8": "a loopback", "169.254.0.0/16": "a link-local (metadata)", "172.16.0.0/12": "a private",
        "192.0.0.0/24": "a reserved", "192.0.2.0/24": "a documentation", "192.88.99.0/24": "a reserved",
        "192.168.0.0/16": "a private", "198.18.0.0/15": "a benchmarking", "198.51.100.0/24": "a documentation",
        "203.0.113.0/24": "a documentation", "224.0.0.0/4": "a multicast", "240.0.0.0/4": "a reserved",
        "168.63.129.16/32": "a metadata",
    }.items()
}  # fmt: skip
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6 = {
    ipaddress.IPv6Network(text): what
    for text, what in {
        "2001::/23": "a reserved (Teredo)", "2001:db8::/32": "a documentation", "2002::/16": "a 6to4",
        "3fff::/20": "a documentation", "::1/128": "a loopback", "::/128": "an unspecified", "fc00::/7": "a private",
        "fe80::/10": "a link-local", "fec0::/10": "a private", "ff00::/8": "a multicast",
    }.items()
}  # fmt: skip
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAME_LIMIT = 253


def host_of(text: str) -> str:
    """The one spelling of a host: a name in lower case without its last dot, or an address. IPv6 may be in brackets.

    >>> host_of("API.Example.Org."), host_of("[2001:DB8::1]")
    ('api.example.org', '2001:db8::1')

    Raises ValueError, with the reason, for everything else.
    """
    if text.startswith("[") and text.endswith("]"):
        return str(ipaddress.IPv6Address(_without_zone(text[1:-1])))
    if ":" in text:
        return str(ipaddress.IPv6Address(_without_zone(text)))
    name = text.lower()
    name = name[:-1] if name.endswith(".") else name
    if len(name) > _NAME_LIMIT or not _NAME.fullmatch(name):
        raise ValueError("it is neither a DNS name nor an address")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise ValueError("an IPv4 address is four decimal numbers without leading zeros") from None
    return name


def address_in(host: str) -> Address | None:
    """Of a host that `host_of` returned: the address that it is, None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def why_not_public(address: Address) -> str | None:
    """None for a public address, otherwise what it is.

    >>> why_not_public(ipaddress.ip_address("::ffff:10.0.0.1")), why_not_public(ipaddress.ip_address("8.8.8.8"))
    ('a private', None)
    """
    if isinstance(address, ipaddress.IPv4Address):
        return next((what for network, what in _SPECIAL_V4.items() if address in network), None)
    if address.ipv4_mapped is not None:
        return why_not_public(address.ipv4_mapped)
    low = int(address) & 0xFFFFFFFF
    if address in _NAT64:
        return why_not_public(ipaddress.IPv4Address(low))
    for network, what in _SPECIAL_V6.items():
        if address in network:
            return what
    if address not in _PUBLIC_V6:
        return "a reserved"
    if int(address) >> 32 & 0xFDFFFFFF == 0x5EFE:  # ISATAP: an IPv4 address in the last four bytes
        return why_not_public(ipaddress.IPv4Address(low))
    return None


def is_own(address: Address) -> bool:
    """Whether it is an address of this machine, whose services may listen on a public one, too. Sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return bool(ipaddress.ip_address(probe.getsockname()[0]) == address)
    except OSError:
        return False


def _without_zone(text: str) -> str:
    if "%" in text:
        raise ValueError("an address with a zone reaches only a neighbour")
    return text
