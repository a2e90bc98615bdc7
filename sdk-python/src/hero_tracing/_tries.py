"""What stands around the body of a step: its tries, the waits between them, its time limit, and its durable begin.

Rules (docs/protocol.md, section 4):
 1. A try is a node with a place of its own below the step. A failed try is committed there, and not run again after a crash.
 2. A backoff over 2 s is a timer: the process may leave.
 3. An `at_most_once` body begins durably. Where it had begun before, and no outcome is remembered, somebody decides.
 4. Errors that say that the flow is written wrongly are not tried again.

`guarded` is one generator for sync and async: it yields what is to be done, and a driver does it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Generator
from contextvars import Token
from json.encoder import encode_basestring as quoted
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _places
from ._errors import Failed, NoContext, NotAwaited, NotJson, OptionError, Refused
from ._limits import Ended, run_limited, run_limited_async
from ._memory import step_json
from ._node import Node, current
from ._remember import NOT_REMEMBERED, describe, error_json, happened_in, rebuild
from ._spans import Span, show_replayed
from ._waits import Question, wait, wait_async

if TYPE_CHECKING:
    from ._calls import Call

SHORT_SECONDS = 2.0
LONGEST_BACKOFF = 24 * 3600.0
WRITTEN_WRONGLY = (NotJson, OptionError, NotAwaited, NoContext, Refused)


class Run(NamedTuple):
    trial: Trial


class Commit(NamedTuple):
    step: str
    now: bool = False  # also in a pipelined play


class Sleep(NamedTuple):
    seconds: float


Op = Run | Commit | Sleep | Question


class Trial:
    """One execution of a body: in the step's own node, or in that of a try."""

    def __init__(self, call: Call, number: int = 0) -> None:
        self.call = call
        self.number = number
        self.node = call.node
        self.key = call.key
        self.committed = False
        self._token: Token[Node] | None = None
        if number:
            session, step = call.session, call.node
            place = _places.nth_place(step.place, '"try"', number)
            span = Span(session, session.span_id(place), f"try {number}")
            self.node = Node(session, step, span, place, step.is_async)
            self.node.owner = call
            self.key = session.step_key(place)
            if call.declaration.memo:
                self.node.known = place

    def open(self) -> None:
        if not self.number:
            return
        node, step = self.node, self.call.node
        node.start()
        node.span.start(step.span.id, "step", node.place, f'{{"try":{self.number}}}', None, None)
        self._token = current.set(node)

    def close(self, error: BaseException | None) -> None:
        if not self.number:
            return
        node = self.node
        try:
            current.reset(self._token)  # type: ignore[arg-type]
        except ValueError:  # a coroutine that was closed in another context
            pass
        if error is None:
            node.span.end("success")
        elif isinstance(error, NOT_REMEMBERED):
            node.span.end("cancelled")
        else:
            node.span.end("failed", error=describe(error))
        if not isinstance(error, NOT_REMEMBERED) and not node.open and self.call.declaration.memo:
            node.session.memory.ended(node.place, f"{self.call.declaration.name} (try {self.number})")
        node.close()

    def step(self, kind: str, outcome: str) -> str:
        """An item of this place for a `commit` frame."""
        call = self.call
        if not self.number:
            return call.step(kind, outcome)
        name = quoted(f"{call.declaration.name} (try {self.number})")
        return step_json(
            self.node.place, call.node.known, self.key, self.node.span.id, name, kind, outcome, call.sha256
        )

    def commit_timeout(self, error: BaseException) -> None:
        """From the limit's thread: the body still runs, and its outcome is this error."""
        session = self.call.session
        if self.call.declaration.memo:
            session.commits.commit(self.step("error", error_json(error, describe(error))), now=True)
            self.committed = True


def guarded(call: Call) -> Generator[Op, Any, Ended]:
    """Runs the body as its declaration asks for, and returns what it ended with."""
    declaration = call.declaration
    if not declaration.retries:
        trial = Trial(call)
        ended = yield from _once(trial)
        call.committed = trial.committed
        return ended
    for number in range(1, declaration.retries + 2):
        trial = Trial(call, number)
        error = _remembered(trial)
        if error is None:
            trial.open()
            try:
                value, error = yield from _once(trial)
            except BaseException as raised:  # the branch was cancelled while it waited
                value, error = None, raised
            if error is not None:
                happened_in(error, trial.node.span.id)
            if error is None or isinstance(error, NOT_REMEMBERED):
                trial.close(error)
                return value, error
            if declaration.memo and not trial.committed:
                reply = yield Commit(trial.step("error", error_json(error, describe(error))))
                if reply.get("t") == "refused":
                    error = Refused(reply.get("code", ""), reply.get("message", ""))
            trial.close(error)
        if number > declaration.retries or isinstance(error, WRITTEN_WRONGLY):
            return None, error
        yield from _backoff(call, number)
    raise AssertionError("the last try returns")


def _remembered(trial: Trial) -> BaseException | None:
    """The error of a try that failed in an earlier attempt."""
    session, node = trial.call.session, trial.node
    if not trial.call.declaration.memo or not session.memory.has_outcome(node.place):
        return None
    item = session.memory.take(node.place)
    assert item is not None
    show_replayed(session, trial.call.node.span.id, node.span.id, node.span.name, node.place, "step")
    error = rebuild(item.text)
    happened_in(error, node.span.id)
    return error


def _once(trial: Trial) -> Generator[Op, Any, Ended]:
    call = trial.call
    if call.declaration.at_most_once and call.node.parent is not None:
        decided = yield from _begin(trial)
        if decided is not None:
            return decided
    ended: Ended = yield Run(trial)
    return ended


def _begin(trial: Trial) -> Generator[Op, Any, Ended | None]:
    """Rule 3."""
    session, begins = trial.call.session, 0
    item = session.memory.take(trial.node.place)
    if item is not None:
        begins = int(json.loads(item.text)["begins"])
        decision = yield from _decide(trial, begins)
        if decision["action"] == "result":
            return decision.get("result"), None
        if decision["action"] == "fail":
            return None, Failed(decision.get("message") or "it was cut, and is not to be run again")
    reply = yield Commit(trial.step("begun", f'{{"begins":{begins + 1}}}'), now=True)
    if reply.get("t") == "refused":
        return None, Refused(reply.get("code", ""), reply.get("message", ""))
    return None


def _decide(trial: Trial, begins: int) -> Generator[Op, Any, dict[str, Any]]:
    session, node = trial.call.session, trial.node
    label = trial.call.declaration.name
    name = f"decide:{label}"
    place = _places.nth_place(node.place, quoted(f"pause:{name}"), begins)
    remembered = session.memory.take(place)
    span_id = session.span_id(place)
    if remembered is not None:
        show_replayed(session, node.span.id, span_id, name, place, output=remembered.text)
        answer: dict[str, Any] = json.loads(remembered.text)
        return answer
    leaf = Node(session, node, Span(session, span_id, name), place, node.is_async)
    leaf.start()
    leaf.span.start(node.span.id, "other", place, '{"pause":true}', None, None)
    ui = {
        "kind": "decision",
        "label": f"{label} had begun when its process was cut, and nobody knows how far it came. What now?",
        "options": [
            {"value": {"action": "run"}, "label": "Run it again"},
            {"value": {"action": "result", "result": None}, "label": "Go on with a result"},
            {"value": {"action": "fail"}, "label": "Fail it"},
        ],
    }
    decided: dict[str, Any] = yield Question(leaf, name, schema=json.dumps(_DECISION), ui=json.dumps(ui))
    return decided


_DECISION = {
    "type": "object",
    "required": ["action"],
    "additionalProperties": False,
    "properties": {
        "action": {"enum": ["run", "result", "fail"]},
        "result": {},
        "message": {"type": "string", "maxLength": 10_000},
    },
}


def _backoff(call: Call, number: int) -> Generator[Op, Any, None]:
    """Rule 2. A try that is remembered was waited for already."""
    session, node, declaration = call.session, call.node, call.declaration
    if session.memory.find(_places.nth_place(node.place, '"try"', number + 1)) is not None:
        session.memory.take(_places.nth_place(node.place, '"backoff"', number))
        return
    seconds = min(declaration.retry_delay * declaration.backoff ** (number - 1), LONGEST_BACKOFF)
    seconds *= 1 + declaration.jitter * random.random()
    if seconds <= SHORT_SECONDS or not declaration.memo:
        yield Sleep(seconds)
        return
    place = _places.nth_place(node.place, '"backoff"', number)
    if session.memory.take(place) is not None:
        return
    leaf = Node(session, node, Span(session, session.span_id(place), "backoff"), place, node.is_async)
    leaf.start()
    leaf.span.start(node.span.id, "other", place, f'{{"seconds":{round(seconds, 3)}}}', None, None)
    yield Question(leaf, "backoff", kind="timer", deadline=time.monotonic() + seconds, default="null")


def drive(call: Call, fn: Callable[[], Any]) -> Ended:
    """Runs a sync body with what stands around it."""
    guard = guarded(call)
    try:
        op = next(guard)
        while True:
            try:
                reply = _perform(call, op, fn)
            except BaseException as error:
                op = guard.throw(error)
            else:
                op = guard.send(reply)
    except StopIteration as end:
        ended: Ended = end.value
        return ended
    except BaseException as error:
        return None, error


async def drive_async(call: Call, fn: Callable[[], Awaitable[Any]]) -> Ended:
    """The same for a coroutine."""
    guard = guarded(call)
    try:
        op = next(guard)
        while True:
            try:
                reply = await _perform_async(call, op, fn)
            except BaseException as error:
                op = guard.throw(error)
            else:
                op = guard.send(reply)
    except StopIteration as end:
        ended: Ended = end.value
        return ended
    except BaseException as error:
        return None, error


def _perform(call: Call, op: Op, fn: Callable[[], Any]) -> Any:
    if isinstance(op, Run):
        limit = _limit(call)
        return _run(fn) if limit is None else run_limited(op.trial, limit, fn)
    if isinstance(op, Commit):
        return call.session.commits.commit(op.step, op.now)
    if isinstance(op, Sleep):
        return time.sleep(op.seconds)
    return wait(op)


async def _perform_async(call: Call, op: Op, fn: Callable[[], Awaitable[Any]]) -> Any:
    if isinstance(op, Run):
        limit = _limit(call)
        return await _run_async(fn) if limit is None else await run_limited_async(op.trial, limit, fn)
    if isinstance(op, Commit):
        return await call.session.commits.commit_async(op.step, op.now)
    if isinstance(op, Sleep):
        return await asyncio.sleep(op.seconds)
    return await wait_async(op)


def _limit(call: Call) -> float | None:
    """The entry flow's timeout is the play's own limit, which the registry keeps."""
    return None if call.node.parent is None else call.declaration.timeout


def _run(fn: Callable[[], Any]) -> Ended:
    try:
        return fn(), None
    except BaseException as error:
        return None, error


async def _run_async(fn: Callable[[], Awaitable[Any]]) -> Ended:
    try:
        return await fn(), None
    except BaseException as error:
        return None, error
