"""Waiting for something that the runtime delivers: an answer, the end of a timer, the end of a child.

Rules:
 1. The branch blocks and gives up its slot in every `max_workers` around it; no exception passes through user code.
 2. An outcome that is an error is raised where the branch waits, as a replay would raise it.
 3. Questions of one pause are asked in the order of their branches, which no timing changes.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from json.encoder import encode_basestring as quoted
from typing import Any

from ._canonical import load
from ._error_json import describe, happened_in, rebuild
from ._futures import Waiting, hand_over, resolve
from ._node import Node
from ._session import Session
from ._suspension import Gate, TreeNode
from ._thread_turns import Ticket

FIRST_RETRY, LAST_RETRY = 0.005, 1.0


class Question:
    """A leaf that waits, and the effect of waiting for it. `kind` is `question`, `timer` or `child`; a timer's `deadline` is one of time.monotonic()."""

    __slots__ = (
        "node", "kind", "name", "schema", "ui", "timeout_ms", "deadline", "default", "role", "links", "hand_out", "loop", "outcome",
        "error", "looks_at", "ticket", "_retry",
    )  # fmt: skip

    def __init__(
        self,
        node: Node,
        name: str,
        *,
        kind: str = "question",
        schema: str = "null",
        ui: str = "null",
        timeout_ms: int | None = None,
        deadline: float | None = None,
        default: str | None = None,
        role: str = "pause",
        links: Sequence[str] = (),
    ):
        self.node = node
        self.kind = kind
        self.name = name
        self.schema = schema
        self.ui = ui
        self.timeout_ms = timeout_ms
        self.deadline = deadline
        self.default = default
        self.role = role
        self.links = links  # ids of other links that answer it
        self.hand_out: Callable[[], Any] = lambda: None
        self.loop: asyncio.AbstractEventLoop | None = None  # whose turn it is; none: a thread waits
        self.outcome: tuple[str, str] | None = None  # kind and JSON text
        self.error: BaseException | None = None
        self.looks_at: float | None = None  # when to ask again, for an answer that becomes due by time alone
        self.ticket: Ticket | None = None  # of a thread that takes turns
        self._retry = FIRST_RETRY

    def perform(self) -> Any:
        return wait(self)

    async def perform_async(self) -> Any:
        return await wait_async(self)

    def frame(self) -> str:
        timeout_ms = self.timeout_ms
        if self.deadline is not None:
            timeout_ms = max(0, round((self.deadline - time.monotonic()) * 1000))
        timeout = "null" if timeout_ms is None else timeout_ms
        default = "null" if self.default is None else quoted(self.default)
        links = f',"links":{json.dumps(self.links)}' if self.links else ""
        return (
            f'{{"kind":"{self.kind}","place":"{self.node.place}","parent_place":"{self.node.known}",'
            f'"span_id":"{self.node.span.id}","name":{quoted(self.name)},"schema":{self.schema},"ui":{self.ui},'
            f'"timeout_ms":{timeout},"default":{default},"role":"{self.role}"{links}}}'
        )

    def asked(self, now: float) -> None:
        """Records that it is asked now: it is asked again when its time is over, until the registry agrees."""
        if self.looks_at is None:
            ends = self.deadline
            if ends is None and self.timeout_ms is not None:
                ends = now + self.timeout_ms / 1000
            self.looks_at = None if ends is None else max(ends, now) + FIRST_RETRY
        elif self.looks_at <= now:
            self.looks_at = now + self._retry
            self._retry = min(2 * self._retry, LAST_RETRY)

    def deliver(self) -> None:
        """Called when its outcome has arrived: the branch continues, in an event loop in its turn."""
        if self.loop is None:
            if self.ticket is not None:
                self.ticket.arrived(first=True)
            self.hand_out()
        else:
            hand_over(self.loop, self.hand_out, first=True)


def wait(question: Question) -> Any:
    """Blocks until it has an outcome; returns the decoded answer, or raises the error."""
    session = question.node.session
    latch = threading.Lock()
    latch.acquire()
    question.hand_out = latch.release
    ticket = question.ticket = session.turns.threads.ticket()
    session.questions.ask(question)
    latch.acquire()
    if ticket is not None:
        ticket.wait()
    for gate in _gates(question.node):
        gate.enter()
    return _outcome(session, question)


async def wait_async(question: Question) -> Any:
    """The same in a coroutine; a branch that is cancelled no longer asks."""
    session = question.node.session
    loop = asyncio.get_running_loop()
    waiting = Waiting(loop=loop)
    if session.turns.here() is not None:
        question.loop, question.hand_out = loop, partial(resolve, waiting)
    else:
        question.hand_out = partial(loop.call_soon_threadsafe, resolve, waiting)
    session.questions.ask(question)
    try:
        await waiting
        for gate in _gates(question.node):
            await gate.enter_async()
    except asyncio.CancelledError:
        session.questions.forget(question)
        question.node.span.end("cancelled")
        question.node.close()
        raise
    return _outcome(session, question)


def _outcome(session: Session, question: Question) -> Any:
    node = question.node
    error = question.error
    if error is None:
        assert question.outcome is not None
        kind, text = question.outcome
        if kind != "error":
            node.span.end("success", output=text, soft=False)
            node.close()
            return load(text)
        error = rebuild(text)
    happened_in(error, node.span.id)
    node.span.end("failed", error=describe(error), soft=False)
    node.close()
    raise error


def _gates(node: TreeNode) -> list[Gate]:
    """The slots that this branch must take again after it waited, the outermost first."""
    gates = []
    step: TreeNode | None = node
    while step is not None:
        if step.gate is not None:
            gates.append(step.gate)
        step = step.parent
    return gates[::-1]
