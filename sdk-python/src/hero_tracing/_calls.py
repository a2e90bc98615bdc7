"""One call of a flow, from its place to its committed outcome. Sync and async flows share all of it.

Rules:
 1. The place is counted at the call; what is remembered there is returned (or raised) without running the body.
 2. The outcome is committed before the caller sees it (I3), and the caller sees the decoded JSON, also the first time.
 3. What is not remembered (SystemExit, KeyboardInterrupt, cancellation) closes the call without an outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import Token
from time import perf_counter
from typing import Any

from . import _events
from ._canonical import dump, load
from ._declare import Declaration
from ._errors import NotJson, OutputMismatch, PayloadTooLarge, Refused, ResultNotJson
from ._fields import check_outputs
from ._memory import step_json
from ._node import Node, current, no_context
from ._remember import NOT_REMEMBERED, describe, error_json, happened_in, recall
from ._session import Session
from ._site import Site
from ._spans import Span, show_replayed
from ._tries import drive, drive_async

Ended = tuple[Any, "BaseException | None"]
Settling = Generator[str, dict[str, Any], "BaseException | None"]
_SCALARS = ("true", "false", "null")
PAYLOAD_LIMIT = 16 * 1024 * 1024


class Call:
    """A flow call that really runs."""

    __slots__ = ("session", "declaration", "node", "key", "under", "committed", "sha256", "result", "_token")

    def __init__(self, session: Session, declaration: Declaration, node: Node, key: str) -> None:
        self.session = session
        self.declaration = declaration
        self.node = node
        self.key = key
        self.under = node.known  # the place below which memory finds this call
        self.committed = False  # its outcome is committed already, although the body was still running
        self.sha256 = ""
        self.result: Any = None
        self._token: Token[Node] | None = None
        node.owner = self
        if declaration.memo and node.parent is not None:
            node.known = node.place

    def start(
        self,
        parent: Node | None,
        kind: str = "step",
        counted: bool = False,
        where: tuple[str | None, int | None] | None = None,
    ) -> None:
        """Opens the node and its span; the body runs in its context from now on. `where`: file and line to show."""
        session, node = self.session, self.node
        if not counted and parent is not None:
            node.start()
        file, line, self.sha256 = session.sources.function_of(self.declaration.fn)
        file, line = where or (file, line)
        node.span.start(parent.span.id if parent else session.parent_span_id, kind, node.place, "{}", file, line)
        if parent is not None and session.always_replay:
            session.bodies.began()
        self._token = current.set(node)

    def leave(self) -> None:
        """The body has ended: its context is the caller's again."""
        try:
            current.reset(self._token)  # type: ignore[arg-type]
        except ValueError:  # a coroutine that was closed in another context
            pass

    def settle(self, value: Any, error: BaseException | None) -> Settling:
        """Yields the commits that the outcome needs, and returns the error that the caller gets, if any."""
        session, span = self.session, self.node.span
        at, duration_ms = _events.now(), (perf_counter() - span.started) * 1000
        text = None
        try:
            if error is None:
                text, error = self.encoded(value)
            elif isinstance(error, NOT_REMEMBERED):
                span.end("cancelled", at=at, duration_ms=duration_ms)
                return error
            described = None
            if self.declaration.memo and not self.committed:
                if text is not None:
                    reply = yield self.step("value", text)
                    if reply.get("t") == "refused":
                        error, text = Refused(reply.get("code", ""), reply.get("message", "")), None
                if error is not None:
                    described = describe(error)
                    happened_in(error, span.id)
                    yield self.step("error", error_json(error, described))
            if error is not None:
                happened_in(error, span.id)
                described = described or describe(error)
                span.end("failed", at=at, duration_ms=duration_ms, key=self.key, error=described)
                return error
            session.last_output = text
            self.result = value if text in _SCALARS else load(text)  # type: ignore[arg-type]
            span.end("success", at=at, duration_ms=duration_ms, key=self.key, output=text)
            return None
        finally:
            self._close(isinstance(error, NOT_REMEMBERED))

    def encoded(self, value: Any) -> tuple[str | None, BaseException | None]:
        try:
            text = dump(value, "result")
            if len(text) > PAYLOAD_LIMIT // 4 and len(text.encode()) > PAYLOAD_LIMIT:
                return None, PayloadTooLarge(f"{self.declaration.name!r} returned {len(text.encode()) >> 20} MiB; 16 MiB fit")
            if self.declaration.outputs is not None:
                check_outputs(self.declaration.outputs, value)
            return text, None
        except NotJson as problem:
            return None, ResultNotJson(problem.path, f"{problem.problem} (returned by {self.declaration.name!r})")
        except OutputMismatch as problem:
            return None, problem
        except RecursionError:
            return None, ResultNotJson("result", "nested too deeply")

    def step(self, kind: str, outcome: str) -> str:
        """The outcome for a `commit` frame."""
        node = self.node
        return step_json(
            node.place, self.under, self.key, node.span.id, self.declaration.name_json, kind, outcome, self.sha256
        )

    def _close(self, cancelled: bool) -> None:
        session = self.session
        if session.always_replay:
            session.bodies.ended()
        if not cancelled and not self.node.open and self.declaration.memo:
            session.memory.ended(self.node.place, self.declaration.name)
        self.node.close()
        if session.always_replay and self.declaration.memo:
            session.questions.replay_now()


class Remembered:
    """A call whose outcome is known: `recall` gives it."""

    __slots__ = ("_session", "_kind", "_text", "_span_id")

    def __init__(self, session: Session, kind: str, text: str, span_id: str) -> None:
        self._session = session
        self._kind = kind
        self._text = text
        self._span_id = span_id

    def recall(self) -> Any:
        session = self._session
        if self._kind != "error":
            session.last_output = self._text
        try:
            return recall(self._kind, self._text, self._span_id)
        except Exception as error:
            happened_in(error, self._span_id)
            raise


def enter(declaration: Declaration, parent: Node, place: Callable[[], str]) -> Call | Remembered:
    """Finds the place of the call and what is remembered there."""
    session = parent.session
    if parent.closed:
        raise no_context(f"The flow {declaration.name!r} (its caller has returned already; it)")
    if session.missing_await is not None:
        session.check_awaited()
    return enter_at(declaration, parent, place())


def enter_at(declaration: Declaration, parent: Node, place: str) -> Call | Remembered:
    session = parent.session
    span_id = session.span_id(place)
    if declaration.memo and session.memory.has_outcome(place):
        remembered = session.memory.take(place)
        assert remembered is not None
        shown = remembered.text if session.first and remembered.kind == "value" else None
        show_replayed(session, parent.span.id, span_id, declaration.name, place, "step", output=shown)
        return Remembered(session, remembered.kind, remembered.text, span_id)
    node = Node(session, parent, Span(session, span_id, declaration.name), place, declaration.is_async)
    return Call(session, declaration, node, session.step_key(place))


def call_sync(declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any], parent: Node) -> Any:
    call = enter(
        declaration, parent, lambda: parent.child_place(declaration.name_json, declaration.arguments(args, kwargs))
    )
    if type(call) is Remembered:
        return call.recall()
    assert type(call) is Call
    call.start(parent)
    return run_sync(call, args, kwargs)


def run_body(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ended:
    """Runs a sync flow's function and returns its value or its error; its context is over."""
    ended = body_of(call, args, kwargs)
    call.leave()
    return ended


def body_of(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ended:
    declaration = call.declaration
    if declaration.guarded:
        return drive(call, lambda: declaration.fn(*args, **kwargs))
    try:
        return declaration.fn(*args, **kwargs), None
    except BaseException as raised:
        return None, raised


async def body_of_async(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ended:
    declaration = call.declaration
    if declaration.guarded:
        return await drive_async(call, lambda: declaration.fn(*args, **kwargs))
    try:
        return await declaration.fn(*args, **kwargs), None
    except BaseException as raised:
        return None, raised


def run_sync(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return finish(call, *run_body(call, args, kwargs))


def finish(call: Call, value: Any, error: BaseException | None) -> Any:
    """Commits the outcome; returns the value that the caller sees, or raises the error."""
    failure = None
    settling, session = call.settle(value, error), call.session
    try:
        step = next(settling)
        while True:
            step = settling.send(session.commits.commit(step))
    except StopIteration as end:
        failure = end.value
    finally:
        settling.close()
    if failure is not None:
        try:
            raise failure
        finally:
            del failure, error
    return call.result


async def call_async(
    declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any], parent: Node, site: Site
) -> Any:
    call = enter(declaration, parent, lambda: site.place_in(parent))
    if type(call) is Remembered:
        return call.recall()
    assert type(call) is Call
    call.start(parent)
    return await run_async(call, args, kwargs)


async def run_async(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    ended = await body_of_async(call, args, kwargs)
    call.leave()
    return await finish_async(call, *ended)


async def finish_async(call: Call, value: Any, error: BaseException | None) -> Any:
    failure = None
    settling, session = call.settle(value, error), call.session
    try:
        step = next(settling)
        while True:
            step = settling.send(await session.commits.commit_async(step))
    except StopIteration as end:
        failure = end.value
    finally:
        settling.close()
    if failure is not None:
        try:
            raise failure
        finally:
            del failure, error
    return call.result
