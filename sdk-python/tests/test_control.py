"""The control lane, without a play: what many threads send, and how often."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any, cast

from hero_tracing._control import ControlLane


class SlowSocket:
    """Counts what is sent; the first time, it waits until it may go on."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.sent: list[int] = []  # lines of each call
        self.sending = threading.Event()
        self.may_go_on = threading.Event()

    def sendall(self, data: bytes) -> None:
        self.sending.set()
        self.may_go_on.wait()
        self.sent.append(data.count(b"\n"))
        self._sock.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def test_what_is_queued_while_a_thread_sends_goes_together_in_the_order_of_its_ids() -> None:
    ours, theirs = socket.socketpair()
    slow = SlowSocket(ours)
    lane = ControlLane(cast("socket.socket", slow))
    replies: list[dict[str, Any]] = []
    answered = threading.Semaphore(0)

    def replied(reply: dict[str, Any]) -> None:
        replies.append(reply)
        answered.release()

    first = threading.Thread(target=lane.post, args=("commit", '"steps":[0]', replied))
    first.start()
    slow.sending.wait()
    for number in range(1, 100):
        lane.post("commit", f'"steps":[{number}]', replied)
    slow.may_go_on.set()
    first.join()
    with theirs.makefile("rb") as lines:
        frames = [json.loads(lines.readline()) for _ in range(100)]
    assert [frame["id"] for frame in frames] == [*range(1, 101)]
    assert [frame["steps"] for frame in frames] == [[number] for number in range(100)]
    assert slow.sent == [1, 99]
    theirs.sendall(b"".join(b'{"t":"done","id":%d}\n' % frame["id"] for frame in frames))
    for _ in frames:
        answered.acquire()
    assert [reply["id"] for reply in replies] == [*range(1, 101)]
    lane.detach()  # nobody reads any more: all requests are answered
    theirs.close()
