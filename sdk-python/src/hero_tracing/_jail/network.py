"""The network of one slot: a namespace that holds nothing but `lo`, and on it the doors to the executor's egress proxy.

1. A play reaches these doors and nothing else. They are listeners in its own namespace, whose descriptors the proxy, which is in
   the host's network, accepts from: the play needs neither a unix socket nor an interface.
2. Each child of a slot has listeners of its own. They are shut before the next child is forked, which also resets what
   nobody has accepted yet: no connection of a play is taken for one of the next play.
3. The addresses are the same for every play, so that what a flow reads of them is the same in every attempt.

A named `host:port` entry has a door at an address of its own; a name leads there by /etc/hosts, so that `host:port` works unchanged.
A door that this machine refuses (one at an IPv6 address where IPv6 is switched off) is left out and named; the others stay.
"""

from __future__ import annotations

import array
import fcntl
import ipaddress
import json
import os
import socket
import struct
from dataclasses import dataclass
from typing import Any, Protocol

from . import kernel

PROXY_HOST, PROXY_PORT = "127.0.0.2", 3128
# Names of entries, in the order in which they are given.
_NAMES = ipaddress.IPv4Network("127.7.0.0/16")
_BACKLOG = 128
_SIOCSIFADDR, _SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFNETMASK, _SIOCGIFINDEX = 0x8916, 0x8913, 0x8914, 0x891C, 0x8933
_IFF_UP = 1


class Connect(Protocol):
    """Connects to the proxy's socket, which is not in the jail."""

    fd: int

    def __call__(self) -> socket.socket: ...


@dataclass
class Door:
    """A listener. `entry`: the index of the entry that it leads to, -1 for the HTTP proxy."""

    address: str
    port: int
    entry: int


class Network:
    """What is the same for all slots of a jail."""

    def __init__(self, entries: list[str], connect: Connect) -> None:
        self.entries = entries
        self.connect = connect
        self.doors = [Door(PROXY_HOST, PROXY_PORT, -1)]
        self.hosts: dict[str, str] = {}
        for index, entry in enumerate(entries):
            host, _, port = entry.rpartition(":")
            for address in self._addresses(host.strip("[]")):
                # `localhost:5432` and `127.0.0.1:5432` are one door.
                if not any(door.address == address and door.port == int(port) for door in self.doors):
                    self.doors.append(Door(address, int(port), index))

    def leave_out(self, refused: dict[int, str]) -> list[str]:
        """Without the doors with these indexes; returns the entries that no door is left for, and why."""
        lost = {self.doors[index].entry: why for index, why in refused.items()}
        self.doors = [door for index, door in enumerate(self.doors) if index not in refused]
        kept = {door.entry for door in self.doors}
        return [f"{self.entries[entry]} ({why})" for entry, why in sorted(lost.items()) if entry not in kept]

    @property
    def ports(self) -> list[int]:
        return sorted({door.port for door in self.doors})

    def etc_hosts(self) -> str:
        lines = [
            "127.0.0.1\tlocalhost",
            "::1\tlocalhost",
            *(f"{address}\t{name}" for name, address in self.hosts.items()),
        ]
        return "\n".join(lines) + "\n"

    @staticmethod
    def environment() -> dict[str, str]:
        """What the usual clients look at. Nothing is excluded: also what is refused is to be answered by the proxy, with the remedy."""
        proxy = f"http://{PROXY_HOST}:{PROXY_PORT}"
        given = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy, "NO_PROXY": ""}
        return {**given, **{name.lower(): value for name, value in given.items()}}

    def make(self) -> None:
        """Puts the caller into a namespace of its own."""
        kernel.unshare(kernel.CLONE_NEWNET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            _up(control, b"lo")
        self.assign(self.doors)

    @staticmethod
    def assign(doors: list[Door], first: int = 0) -> None:
        """Gives `lo` the addresses of doors; `first`: the number of the first one among all."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            for number, address in enumerate(sorted({door.address for door in doors}), first):
                _add(control, ipaddress.ip_address(address), number)

    def _addresses(self, host: str) -> list[str]:
        """At which addresses a host of an entry is found in the namespace."""
        if host == "localhost":
            return ["127.0.0.1", "::1"]
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            return [self.hosts.setdefault(host, str(_NAMES[len(self.hosts) + 1]))]


class Doors:
    """Held by the init of a slot."""

    def __init__(self, network: Network) -> None:
        self.network = network
        network.make()
        self.proxy = network.connect()
        self.listeners: list[socket.socket] = []

    def open(self, child: str) -> None:
        """For the next child."""
        for door in self.network.doors:
            self.listeners.append(_listen(door))
        told: dict[str, Any] = {"child": child, "entries": [door.entry for door in self.network.doors]}
        fds = array.array("i", [listener.fileno() for listener in self.listeners])
        line = json.dumps(told).encode() + b"\n"
        sent = self.proxy.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        self.proxy.sendall(line[sent:])

    def shut(self) -> None:
        """Rule 2: for everyone who holds the listeners."""
        for listener in self.listeners:
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the proxy has closed it, and is gone
            listener.close()
        self.listeners.clear()


def refused_doors(network: Network) -> dict[int, str]:
    """Tries them in a child: the doors that this machine refuses, by index, and why. 0 is the proxy's: without it there is no network."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        refused: dict[int, str] = {}
        try:
            _try_doors(network, refused)
        except BaseException as error:
            refused[0] = f"{error}"[:500]
        finally:
            with os.fdopen(write, "w") as told:
                json.dump(list(refused.items()), told)
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return dict(json.loads(text)) if text else {0: "the trial ended"}


def _try_doors(network: Network, refused: dict[int, str]) -> None:
    doors, network.doors = network.doors, []
    network.make()
    assigned: set[str] = set()
    for index, door in enumerate(doors):
        try:
            if door.address not in assigned:
                network.assign([door], index)
            assigned.add(door.address)
            _listen(door).close()
        except OSError as error:
            refused[index] = error.strerror or f"{error}"


def _listen(door: Door) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in door.address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((door.address, door.port))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _up(control: socket.socket, name: bytes) -> None:
    fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", name, _IFF_UP))


def _add(control: socket.socket, address: ipaddress.IPv4Address | ipaddress.IPv6Address, number: int) -> None:
    """Gives `lo` an address, for entries that are addresses; those of 127.0.0.0/8 it has."""
    if address.is_loopback:
        return
    if isinstance(address, ipaddress.IPv4Address):
        name = b"lo:%d" % number
        for request, value in ((_SIOCSIFADDR, address.packed), (_SIOCSIFNETMASK, b"\xff\xff\xff\xff")):
            fcntl.ioctl(control, request, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, value))
        return
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control6:
        index = struct.unpack("16si", fcntl.ioctl(control6, _SIOCGIFINDEX, struct.pack("16si", b"lo", 0)))[1]
        fcntl.ioctl(control6, _SIOCSIFADDR, struct.pack("=16sIi", address.packed, 128, index))
