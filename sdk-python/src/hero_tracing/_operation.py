"""What waits for the runtime, written once for sync and async: a generator says what is to be done, a driver does it.

Rules:
 1. An outcome that is kept at a leaf is committed before the flow sees it (I3), and a replay sees the same.
 2. Before a request leaves the play, all that a pipelined play sent is committed.
 3. A leaf counts as active until it is closed: the play is not suspended while a request is under way.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Generator
from json.encoder import encode_basestring as quoted
from types import TracebackType
from typing import Any, NamedTuple

from ._awaited import Awaited, check_sync_here
from ._calls import Call
from ._entry import run_entry, run_entry_async
from ._errors import Refused
from ._memory import step_json
from ._node import Node, current, here
from ._remember import NOT_REMEMBERED, describe, error_json, happened_in, recall
from ._session import Session
from ._site import Site
from ._spans import Span, show_replayed
from ._tries import Commit, Sleep
from ._waits import Question, wait, wait_async


class Request(NamedTuple):
    """A frame to the executor: its name, and the JSON of its other fields without braces."""

    kind: str
    body: str


class Body(NamedTuple):
    """The entry of an invoked workflow, to be run inside of its call."""

    call: Call
    kwargs: dict[str, Any]


Op = Request | Commit | Sleep | Question | Body
Doing = Generator[Op, Any, Any]


class Leaf:
    """A place that the runtime fills, without a body of the user's: a value, a sleep, a request, a child.

    `item` is what memory has there; where it has nothing, the leaf and its span are open.
    """

    def __init__(
        self,
        parent: Node,
        name: str,
        args: str = "null",
        *,
        kind: str = "other",
        tags: str = "{}",
        shown: str = "",
        place: str = "",
    ) -> None:
        session = self.session = parent.session
        session.check_awaited()
        self.name, self.kind, self.parent = name, kind, parent
        place = place or parent.child_place(quoted(name), args)
        self.span = Span(session, session.span_id(place), shown or name)
        self.node = Node(session, parent, self.span, place, parent.is_async)
        self.key = session.step_key(place)
        self.item = session.memory.take(place)
        if self.item is None:
            self.node.start()
            self.span.start(parent.span.id, kind, place, tags, *session.sources.caller())

    def recall(self) -> Any:
        """The remembered value, or the remembered error raised."""
        item, session, span_id = self.item, self.session, self.span.id
        assert item is not None
        try:
            value = recall(item.kind, item.text, span_id)
        except Exception as error:
            told = describe(error)
            told["traceback"] = ""
            show_replayed(session, self.parent.span.id, span_id, self.span.name, self.node.place, self.kind, error=told)
            raise
        show_replayed(session, self.parent.span.id, span_id, self.span.name, self.node.place, self.kind, output=item.text)
        return value

    def keep(self, text: str, error: BaseException | None = None) -> Doing:
        """Commits the value or the error and closes the leaf; returns the decoded value, or raises (rule 1)."""
        if error is None:
            reply = yield Commit(self._step("value", text))
            if reply.get("t") == "refused":
                error = Refused(reply.get("code", ""), reply.get("message", ""))
        if error is not None:
            described = describe(error)
            happened_in(error, self.span.id)
            yield Commit(self._step("error", error_json(error, described)))
            self.span.end("failed", key=self.key, error=described)
        else:
            self.span.end("success", key=self.key, output=text)
        self.node.close()
        if self.session.always_replay:
            self.session.questions.replay_now()
        if error is not None:
            try:
                raise error
            finally:
                del error
        return json.loads(text)

    def _step(self, kind: str, outcome: str) -> str:
        node = self.node
        return step_json(node.place, node.known, self.key, self.span.id, quoted(self.name), kind, outcome)

    def __enter__(self) -> Leaf:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """What was kept, or waited for, is closed already; here is what was cut off."""
        if error is None or self.item is not None or self.node.closed:
            return
        if isinstance(error, NOT_REMEMBERED):
            self.span.end("cancelled")
        else:
            self.span.end("failed", error=describe(error))
        self.node.close()


def operate(what: str, node: Node, name: str, args: str, make: Callable[[Node, str], Doing]) -> Any:
    """Does it at the place that is counted now; inside a coroutine it returns what must be awaited."""
    site = Site(node, quoted(name), args)
    if check_sync_here(what, node):
        return Awaited(what, _operate_async(what, node, site, make), node.session)
    return drive_here(node.session, make(node, site.place_in(node)))


def drive_here(session: Session, doing: Doing) -> Any:
    """Does it, and blocks: also inside of a coroutine."""
    try:
        op = next(doing)
        while True:
            try:
                reply = _perform(session, op)
            except BaseException as error:
                op = doing.throw(error)
            else:
                op = doing.send(reply)
    except StopIteration as end:
        return end.value


async def _operate_async(what: str, node: Node, site: Site, make: Callable[[Node, str], Doing]) -> Any:
    if current.get(None) is not node:
        node = here(what)  # awaited in a Task of its own
    doing = make(node, site.place_in(node))
    try:
        op = next(doing)
        while True:
            try:
                reply = await _perform_async(node.session, op)
            except BaseException as error:
                op = doing.throw(error)
            else:
                op = doing.send(reply)
    except StopIteration as end:
        return end.value


def _perform(session: Session, op: Op) -> Any:
    if isinstance(op, Commit):
        return session.commits.commit(op.step)
    if isinstance(op, Request):
        session.commits.drain()
        return session.lane.request(op.kind, op.body)
    if isinstance(op, Sleep):
        return time.sleep(op.seconds)
    if isinstance(op, Body):
        return run_entry(op.call, op.kwargs)
    return wait(op)


async def _perform_async(session: Session, op: Op) -> Any:
    if isinstance(op, Commit):
        return await session.commits.commit_async(op.step)
    if isinstance(op, Request):
        await session.commits.drain_async()
        return await session.lane.request_async(op.kind, op.body)
    if isinstance(op, Sleep):
        return await asyncio.sleep(op.seconds)
    if isinstance(op, Body):
        return await run_entry_async(op.call, op.kwargs)
    return await wait_async(op)
