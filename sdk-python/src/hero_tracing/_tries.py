"""Runs the body of a step: its tries, the waits between them, and its time limit.

Rules (docs/protocol.md, section 4):
 1. A try is a node with a place of its own below the step. A failed try is committed there, and not run again after a crash.
 2. A backoff over 2 s is a timer: the process may exit.
 3. An `at_most_once` body begins durably (`_at_most_once`).
 4. A step is not tried again after an error of the flow's own code (`WRITTEN_WRONGLY`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextvars import Token
from json.encoder import encode_basestring as quoted
from typing import Protocol

from . import _identity
from ._at_most_once import begin
from ._commits import Commit
from ._effects import Effect, Effects
from ._error_json import describe, error_json, happened_in, is_remembered, rebuild
from ._errors import ContainsSecret, NoContext, NotAwaited, NotJson, OptionError, Refused, SecretUnavailable
from ._memory import step_json
from ._node import Node, current, leave
from ._open_call import OpenCall
from ._outcome import Outcome
from ._recall import Turn
from ._sleep import SHORT_SECONDS, Sleep
from ._spans import Span, show_replayed
from ._waits import Question

LONGEST_BACKOFF = 24 * 3600.0
WRITTEN_WRONGLY = (NotJson, OptionError, NotAwaited, NoContext, Refused, ContainsSecret, SecretUnavailable)


class Body(Effect, Protocol):
    """The effect that runs the body and gives its outcome."""

    def limited(self, attempt: Try, seconds: float) -> Effect: ...


class Try:
    """One execution of a body: in the step's own node, or in a node of its own where there may be several."""

    def __init__(self, call: OpenCall, number: int = 0) -> None:
        self.call = call
        self.number = number
        self.node = call.node
        self.committed = False
        self._key = call.key
        self._token: Token[Node] | None = None
        if number:
            session, step = call.session, call.node
            place = _identity.nth_place(step.place, '"try"', number)
            self.node = Node(
                session, step, Span(session, session.span_id(place), f"try {number}"), place, step.is_async
            )
            self.node.owner = call
            self._key = session.step_key(place)
            if call.declaration.memo:
                self.node.known = place

    @property
    def name(self) -> str:
        return self.call.declaration.name

    @property
    def seconds(self) -> float | None:
        """The time limit of the step. The entry flow's timeout is the play's own limit, which the registry enforces."""
        return None if self.call.node.parent is None else self.call.declaration.timeout

    def open(self) -> None:
        if not self.number:
            return
        node = self.node
        node.start()
        node.span.start(self.call.node.span.id, "step", node.place, f'{{"try":{self.number}}}', None, None)
        self._token = current.set(node)

    def close(self, error: BaseException | None) -> None:
        if not self.number:
            return
        node = self.node
        leave(self._token)
        if error is None:
            node.span.end("success")
        elif not is_remembered(error):
            node.span.end("cancelled")
        else:
            node.span.end("failed", error=describe(error))
        if (error is None or is_remembered(error)) and not node.open and self.call.declaration.memo:
            node.session.memory.ended(node.place, f"{self.call.declaration.name} (try {self.number})")
        node.close()

    def step(self, kind: str, outcome: str) -> str:
        """An item of this place for a `commit` frame."""
        call = self.call
        if not self.number:
            return call.step(kind, outcome)
        name = quoted(f"{call.declaration.name} (try {self.number})")
        return step_json(
            self.node.place, call.node.known, self._key, self.node.span.id, name, kind, outcome, call.sha256, "try"
        )

    def commit_timeout(self, error: BaseException, done: Callable[[], None]) -> None:
        """Called by the clock when the body still runs: its outcome is this error. `done` may be called in another thread."""
        if not self.call.declaration.memo:
            return done()

        def replied(_: object) -> None:
            self.committed = True
            done()

        self.call.session.commits.post(self.step("error", error_json(error, describe(error))), replied)


def tries(call: OpenCall, body: Body) -> Effects[Outcome]:
    """Runs the body as declared, and returns its outcome."""
    declaration = call.declaration
    if not declaration.retries:
        only = Try(call)
        outcome = yield from _once(only, body)
        call.committed = only.committed
        return outcome
    for number in range(1, declaration.retries + 2):
        attempt = Try(call, number)
        if call.session.memory.has_outcome(attempt.node.place):
            yield Turn(call.session, attempt.node.place)
        error = _remembered(attempt)
        if error is None:
            attempt.open()
            value = None
            try:
                try:
                    value, error = yield from _once(attempt, body)
                except BaseException as raised:  # the branch was cancelled while it waited
                    error = raised
                if error is None or not is_remembered(error):
                    return value, error
                happened_in(error, attempt.node.span.id)
                if declaration.memo and not attempt.committed:
                    refused = yield Commit(call.session, attempt.step("error", error_json(error, describe(error))))
                    error = refused or error
            finally:
                attempt.close(error)
        if number > declaration.retries or isinstance(error, WRITTEN_WRONGLY):
            return None, error
        yield from _backoff(call, number)
    raise AssertionError("the last try returns")


def _remembered(attempt: Try) -> BaseException | None:
    """The error of a try that failed in an earlier attempt of the play."""
    session, node = attempt.call.session, attempt.node
    if not attempt.call.declaration.memo or not session.memory.has_outcome(node.place):
        return None
    item = session.memory.take(node.place)
    assert item is not None
    show_replayed(session, attempt.call.node.span.id, node.span.id, node.span.name, node.place, "step")
    error = rebuild(item.text)
    happened_in(error, node.span.id)
    return error


def _once(attempt: Try, body: Body) -> Effects[Outcome]:
    call = attempt.call
    if call.declaration.at_most_once and call.node.parent is not None:
        decided = yield from begin(attempt.node, call.declaration.name, attempt.step)
        if decided is not None:
            return decided
    seconds = attempt.seconds
    outcome: Outcome = yield (body if seconds is None else body.limited(attempt, seconds))
    return outcome


def _backoff(call: OpenCall, number: int) -> Effects[None]:
    """Waits before the next try (rule 2); before a remembered try the wait is already over."""
    session, node, declaration = call.session, call.node, call.declaration
    place = _identity.nth_place(node.place, '"backoff"', number)
    if place in session.memory:
        yield Turn(session, place)
    if session.memory.find(_identity.nth_place(node.place, '"try"', number + 1)) is not None:
        session.memory.take(place)
        return
    seconds = min(declaration.retry_delay * declaration.backoff ** (number - 1), LONGEST_BACKOFF)
    seconds *= 1 + declaration.jitter * random.random()
    if seconds <= SHORT_SECONDS or not declaration.memo:
        yield Sleep(seconds)
        return
    if session.memory.take(place) is not None:
        return
    leaf = Node(session, node, Span(session, session.span_id(place), "backoff"), place, node.is_async)
    leaf.start()
    leaf.span.start(node.span.id, "other", place, f'{{"seconds":{round(seconds, 3)}}}', None, None)
    yield Question(leaf, "backoff", kind="timer", deadline=time.monotonic() + seconds, default="null", role="backoff")
