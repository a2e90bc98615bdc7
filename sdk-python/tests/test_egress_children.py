"""Whose connections are whose, and until when: the real proxy, the real fork server."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator

import pytest
from _egress_proxy import Proxy
from _forkserver_executor import Executor

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="namespaces are Linux's")

ASK = """
import socket
def connection():
    held = socket.create_connection(("localhost", {port}))
    held.settimeout(5)
    return held
def ask():
    try:
        with connection() as one:
            one.sendall(b"?")
            return one.recv(10).decode()
    except OSError:
        return ""  # closed, with or without a reset
"""


@contextlib.contextmanager
def _service() -> Iterator[int]:
    """Answers each byte with another one, for as long as the connection lasts."""

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while connection.recv(1):
                connection.sendall(b"!")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.fixture
def scene() -> Iterator[tuple[Proxy, Executor, int]]:
    with (
        _service() as port,
        Proxy([f"localhost:{port}"]) as proxy,
        Executor(egress="proxy", proxy=proxy.settings()) as executor,
    ):
        if "network by proxy only" not in executor.ready["enforced"]:
            pytest.skip(f"this machine refuses {executor.ready['missing']}")
        yield proxy, executor, port


def test_a_process_that_is_kept_is_served_under_the_grant_of_its_present_play(
    scene: tuple[Proxy, Executor, int],
) -> None:
    proxy, executor, port = scene
    play = executor.order("kept", "kept")
    proxy.grant(play.token)
    # Each play asks until it is refused: when the proxy has read of the next grant, nobody here knows.
    text = "held = connection()\nheld.sendall(b'?')\nsay([held.recv(1).decode(), ask()])\nwhile ask(): pass\nsay('refused')\n"
    play.run(
        ASK.format(port=port)
        + text
        + "control.recv(1)\nwhile not ask(): pass\nheld.sendall(b'?')\nsay(held.recv(1).decode())\n"
    )
    assert play.says() == ["!", "!"]
    proxy.send(t="over", child=play.token)
    proxy.grant(play.token, ["elsewhere.example"])
    assert play.says() == "refused"
    assert "add 'localhost" in proxy.says()["text"]
    proxy.send(t="over", child=play.token)
    proxy.grant(play.token)
    play.lanes["control"].sendall(b".")
    assert play.says() == "!", "what was opened before is open still"
    play.exit()


def test_what_a_play_leaves_in_the_queue_is_not_served_to_the_next_one(scene: tuple[Proxy, Executor, int]) -> None:
    proxy, executor, port = scene
    # Nobody says which play it is: its requests wait, and end with it.
    first = executor.order("first", "first")
    first.run(
        ASK.format(port=port) + "lost = [connection() for _ in range(5)]\n[one.sendall(b'?') for one in lost]\nsay(1)"
    )
    assert first.says() == 1
    first.exit()
    second = executor.order("second", "second")
    proxy.grant(second.token)
    second.run(ASK.format(port=port) + "say(ask())")
    assert second.says() == "!"
    second.exit()


def test_without_a_grant_nothing_is_served(scene: tuple[Proxy, Executor, int]) -> None:
    _, executor, port = scene
    play = executor.order("nobody", "nobody")
    play.run(ASK.format(port=port) + "say(ask())")
    assert play.says() == ""
    play.exit()


def test_an_entry_that_this_machine_refuses_is_named_and_the_others_are_served() -> None:
    # A group address cannot be an address of this machine, as an IPv6 address cannot where IPv6 is switched off.
    with (
        _service() as port,
        Proxy([f"224.0.0.1:{port}", f"localhost:{port}", f"10.9.8.7:{port}", "10.9.8.7:81"]) as proxy,
        Executor(egress="proxy", proxy=proxy.settings()) as executor,
    ):
        if "network by proxy only" not in executor.ready["enforced"]:
            pytest.skip(f"this machine refuses {executor.ready['missing']}")
        assert [text for text in executor.ready["missing"] if "egress" in text] == [
            f"egress to 224.0.0.1:{port} (Invalid argument)"
        ]
        play = executor.order("play", "play")
        proxy.grant(play.token)
        play.run(ASK.format(port=port) + "say(ask())")
        assert play.says() == "!"
        play.exit()
