"""Ways to reach a loopback or private service from a play at `HERO_EGRESS=public`: the victim must not see one of them.

The victim's port is among those of `public` here, so that only the check of addresses is in the way. Judged by the victim: it
counts connections and datagrams on every address of this machine.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from _egress_proxy import Proxy
from _forkserver_executor import Executor

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="namespaces are Linux's")


class Victim:
    """A service on every address of this machine, by TCP and UDP."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.tcp = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port: int = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.udp.bind(("::", self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._receive, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.tcp.accept()
                connection.settimeout(1)
                with connection, contextlib.suppress(OSError):
                    self.seen.append(b"tcp " + connection.recv(200))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary")

    def _receive(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.seen.append(b"udp " + self.udp.recv(200))

    def close(self) -> None:
        for one in (self.tcp, self.udp):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class Neighbour:
    """An allowed host that helps the play: it redirects to the victim, and answers whatever it is sent."""

    def __init__(self, victim: int) -> None:
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.tcp.getsockname()[1]
        self.heard: list[bytes] = []
        self.answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % victim
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.tcp.accept()
                connection.settimeout(1)
                with connection, contextlib.suppress(OSError):
                    self.heard.append(connection.recv(4096))
                    connection.sendall(self.answer)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.tcp.shutdown(socket.SHUT_RDWR)
        self.tcp.close()


# What an attack may use. PORT is the victim's, ALLOWED that of a host that HERO_EGRESS names, OWN this machine's address.
PRELUDE = """
import ctypes, os, socket, struct, subprocess, urllib.request
PORT, ALLOWED, OWN, NAME = {port}, {allowed}, {own!r}, {name!r}
PROXY = ("127.0.0.2", 3128)
def raw(text, to=PROXY, family=socket.AF_INET):
    with socket.socket(family) as s:
        s.settimeout(5)
        s.connect(to)
        s.sendall(text if isinstance(text, bytes) else text.encode())
        s.shutdown(socket.SHUT_WR)
        held = b""
        while part := s.recv(65536):
            held += part
        return held
def get(host):
    return raw(f"GET http://{{host}}:{{PORT}}/ HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n")
def tunnel(host):
    return raw(f"CONNECT {{host}}:{{PORT}} HTTP/1.1\\r\\n\\r\\nGET / HTTP/1.1\\r\\n\\r\\n")
def smuggle(text):
    return raw(text.replace("\\n", "\\r\\n").replace("ALLOWED", str(ALLOWED)).replace("PORT", str(PORT)))
def curl(*args):
    done = subprocess.run(["curl", "-s", "-m", "2", *args], capture_output=True)
    return done.stdout
def plain(address, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
    with socket.socket(family, kind, protocol) as s:
        s.settimeout(0.5)
        if kind == socket.SOCK_DGRAM:
            s.sendto(b"canary?", (address, PORT))
        else:
            s.connect((address, PORT))
            s.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
        return s.recv(1000)
"""
HOSTS = [
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "127.1", "127.0.1", "2130706433",
    "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.01", "0", "0.0.0.0", "OWN", "NAME", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b::OWN]", "[2002:7f00:1::1]", "[2001::1]", "[fe80::1%lo]", "[fe80::1%25lo]", "[::1%lo]", "[::ffff:OWN]", "10.0.0.1",
    "169.254.169.254", "100.64.0.1", "192.168.0.1", "172.17.0.1", "[fd00:ec2::254]", "224.0.0.1", "255.255.255.255",
]  # fmt: skip
ODD_HOSTS = [
    "a.example@127.0.0.1", "127.0.0.1@a.example", "a.example#@127.0.0.1", "a.example\\\\@127.0.0.1", "127.0.0.1%00.a.example",
    "127%2e0%2e0%2e1", "\\u2460\\u2461\\u2466.0.0.1", "127\\u30020\\u30020\\u30021", "", ":", "127.0.0.1:80", "[127.0.0.1]", "::1",
]  # fmt: skip
SMUGGLED = {
    "two requests": "GET http://localhost:ALLOWED/ HTTP/1.1\n\nGET http://127.0.0.1:PORT/ HTTP/1.1\n\n",
    "a tunnel behind a request": "GET http://localhost:ALLOWED/ HTTP/1.1\n\nCONNECT 127.0.0.1:PORT HTTP/1.1\n\n",
    "another Host": "GET http://localhost:ALLOWED/ HTTP/1.1\nHost: 127.0.0.1:PORT\n\n",
    "two Hosts": "GET http://localhost:ALLOWED/ HTTP/1.1\nHost: localhost\nHost: 127.0.0.1:PORT\n\n",
    "a Host alone": "GET / HTTP/1.1\nHost: 127.0.0.1:PORT\n\n",
    "a length and chunks": "POST http://localhost:ALLOWED/ HTTP/1.1\nContent-Length: 4\nTransfer-Encoding: chunked\n\n0\n\nGET http://127.0.0.1:PORT/ HTTP/1.1\n\n",
    "two lengths": "POST http://localhost:ALLOWED/ HTTP/1.1\nContent-Length: 0\nContent-Length: 60\n\nGET http://127.0.0.1:PORT/ HTTP/1.1\n\n",
    "hidden chunks": "POST http://localhost:ALLOWED/ HTTP/1.1\nTransfer-Encoding : chunked\nContent-Length: 3\n\n0\n\nGET http://127.0.0.1:PORT/ HTTP/1.1\n\n",
    "chunks in two spellings": "POST http://localhost:ALLOWED/ HTTP/1.1\nTransfer-Encoding: chunked\nTransfer-Encoding: identity\n\n0\n\nGET http://127.0.0.1:PORT/ HTTP/1.1\n\n",
    "a folded field": "GET http://localhost:ALLOWED/ HTTP/1.1\nX: 1\n Host: 127.0.0.1:PORT\n\n",
    "a request in a tunnel": "CONNECT localhost:ALLOWED HTTP/1.1\n\nGET http://127.0.0.1:PORT/ HTTP/1.1\n\n",
    "a chunk too many": "POST http://localhost:ALLOWED/ HTTP/1.1\nTransfer-Encoding: chunked\n\n0\n\n1\nGET http://127.0.0.1:PORT/ HTTP/1.1\n\n",
    "an old version": "GET http://127.0.0.1:PORT/\n\n",
    "forwarding fields": "GET http://localhost:ALLOWED/ HTTP/1.1\nX-Forwarded-Host: 127.0.0.1:PORT\nForwarded: host=127.0.0.1:PORT\nConnection: Host\n\n",
    "an upgrade": "GET http://localhost:ALLOWED/ HTTP/1.1\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__\n\n",
    "https as a target": "GET https://127.0.0.1:PORT/ HTTP/1.1\n\n",
    "another scheme": "GET gopher://127.0.0.1:PORT/_GET HTTP/1.1\n\n",
    "SOCKS": "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01",
}  # fmt: skip
CODE = {
    "a redirect": 'urllib.request.urlopen(f"http://localhost:{ALLOWED}/").read()',
    "a redirect that curl follows": 'curl("-L", f"http://localhost:{ALLOWED}/")',
    "no proxy in urllib": 'urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{PORT}/").read()',
    "the environment unset": '[os.environ.pop(name) for name in list(os.environ) if "proxy" in name.lower()]; urllib.request.urlopen(f"http://127.0.0.1:{PORT}/").read()',
    "curl without proxy": 'curl("--noproxy", "*", f"http://127.0.0.1:{PORT}/")',
    "curl by SOCKS": 'curl("-x", "socks5h://127.0.0.2:3128", f"http://127.0.0.1:{PORT}/")',
    "curl and a name of its own": 'curl("--resolve", f"a.example:{PORT}:127.0.0.1", f"http://a.example:{PORT}/")',
    "another proxy": 'curl("-x", f"http://127.0.0.1:{PORT}", "http://a.example/")',
    "TCP to loopback": 'plain("127.0.0.1")',
    "TCP to loopback, IPv6": 'plain("::1", socket.AF_INET6)',
    "TCP to any": 'plain("0.0.0.0")',
    "TCP to a mapped address": 'plain("::ffff:127.0.0.1", socket.AF_INET6)',
    "TCP to the machine": "plain(OWN)",
    "MPTCP": 'plain("127.0.0.1", protocol=262)',
    "SCTP": 'plain("127.0.0.1", protocol=132)',
    "UDP to loopback": 'plain("127.0.0.1", kind=socket.SOCK_DGRAM)',
    "UDP to the machine": "plain(OWN, kind=socket.SOCK_DGRAM)",
    "UDP, IPv6": 'plain("::1", socket.AF_INET6, socket.SOCK_DGRAM)',
    "UDP, broadcast": 'plain("255.255.255.255", kind=socket.SOCK_DGRAM)',
    "fast open": 'socket.socket().sendto(b"canary?", 0x20000000, ("127.0.0.1", PORT))',
    "raw": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 6)",
    "packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "vsock": "socket.socket(socket.AF_VSOCK)",
    "a unix socket": "socket.socket(socket.AF_UNIX)",
    "another device": 'socket.socket().setsockopt(socket.SOL_SOCKET, 25, b"eth0")',
    "another namespace": 'ctypes.CDLL(None, use_errno=True).setns(os.open("/proc/1/ns/net", os.O_RDONLY), 0)',
    "a namespace of its own": "ctypes.CDLL(None, use_errno=True).unshare(0x50000000) and [][0]",
    "an interface": '__import__("fcntl").ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"eth0", 1))',
    "a listener in place of the proxy": 'socket.create_server(("127.0.0.2", 3128), reuse_port=True)',
    "a listener of its own": 'socket.create_server(("127.0.0.1", 0))',
    "descriptors of others": '[os.sendfile(int(fd), 0, 0, 1) for fd in os.listdir("/proc/self/fd") if int(fd) > 4]',
    "io_uring": "ctypes.CDLL(None, use_errno=True).syscall(425, 8, ctypes.create_string_buffer(120)) >= 0 or [][0]",
}


def _ways() -> list[tuple[str, str]]:
    found = []
    for host in HOSTS:
        text = f'"{host}".replace("OWN", OWN).replace("NAME", NAME)'
        found += [(f"GET {host}", f"get({text})"), (f"CONNECT {host}", f"tunnel({text})")]
    for host in ODD_HOSTS:
        found += [(f"GET {host}", f'get("{host}")'), (f"CONNECT {host}", f'tunnel("{host}")')]
    found += [(name, f"smuggle({text!r})") for name, text in SMUGGLED.items()]
    return found + list(CODE.items())


WAYS = _ways()


class Scene:
    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.victim = stack.enter_context(contextlib.closing(Victim()))
        self.neighbour = stack.enter_context(contextlib.closing(Neighbour(self.victim.port)))
        entries = [f"localhost:{self.neighbour.port}"]
        self.proxy = stack.enter_context(Proxy(entries, public=True, ports=(80, 443, self.victim.port)))
        self.executor = stack.enter_context(Executor(egress="proxy", proxy=self.proxy.settings()))
        if "network by proxy only" not in self.executor.ready["enforced"]:
            pytest.skip(f"this machine refuses {self.executor.ready['missing']}")

    def play(self, text: str) -> Any:
        play = self.executor.order("attacker", "attacker")
        self.proxy.grant(play.token)
        prelude = PRELUDE.format(
            port=self.victim.port, allowed=self.neighbour.port, own=_own(), name=socket.gethostname()
        )
        play.run(prelude + text)
        play.lanes["control"].settimeout(60)
        said = play.says()
        play.exit()
        self.executor.forget(play)
        return said


def _own() -> str:
    """An address of this machine that is not loopback, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with contextlib.ExitStack() as stack:
        yield Scene(stack)


def test_there_are_sixty_ways_at_least() -> None:
    assert len(WAYS) >= 60 and len({name for name, _ in WAYS}) == len(WAYS)


@pytest.mark.parametrize("number", range(0, len(WAYS), 12))
def test_no_way_leads_to_the_victim(scene: Scene, number: int) -> None:
    """Each in the same play, one after the other: what one leaves behind may help the next."""
    ways = WAYS[number : number + 12]
    said = scene.play(
        f"found = []\nfor name, code in {ways!r}:\n"
        "    try: held = eval(code) if ';' not in code else exec(code)\n"
        "    except Exception as error: held = error\n"
        "    found.append([name, 'canary' in str(held), str(held)[:200]])\n"
        "say(found)"
    )
    assert [name for name, _, _ in said] == [name for name, _ in ways]
    assert [one for one in said if one[1]] == []
    assert scene.victim.seen == []


def test_the_victim_can_be_seen_and_the_attacks_reach_who_is_allowed(scene: Scene) -> None:
    """These tests can fail: the same calls reach a host that is named, and the victim answers this process."""
    said = scene.play(
        "text = 'GET http://localhost:%d/ HTTP/1.1\\r\\n\\r\\n' % ALLOWED\n"
        "say([raw(text).split()[1].decode(), raw('CONNECT localhost:%d HTTP/1.1\\r\\n\\r\\nGET / HTTP/1.1\\r\\n\\r\\n' % ALLOWED).decode(), raw('hello', ('127.0.0.1', ALLOWED)).split()[1].decode()])"
    )
    assert said[0] == "302" and "302 Found" in said[1] and said[2] == "302"
    victim = Victim()
    try:
        with socket.create_connection(("127.0.0.1", victim.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert b"canary" in connection.recv(1000)
        assert victim.seen == [b"tcp GET / HTTP/1.1\r\n\r\n"]
    finally:
        victim.close()
