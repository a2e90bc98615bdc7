"""`flow.step` and `flow.span`: spans without memory, as context managers, sync and async.

A span of kind `rpc` has an effect outside the play, so a pipelined play waits for its commits before the span begins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from json.encoder import encode_basestring as quoted
from types import FrameType, TracebackType
from typing import Any

from ._error_json import describe, happened_in, is_remembered
from ._errors import OptionError
from ._names import check_name
from ._node import GeneratorBlocks, Node, current, generator_frame, here
from ._sanitise import clean_object, tags_json
from ._spans import Span

KINDS = ("step", "rpc", "other")


class StepBlock:
    """An open `with flow.step(…)` block; it may be used once, as `with` or as `async with`."""

    def __init__(self, name: str, kind: str, tags: dict[str, Any], what: str) -> None:
        check_name(name, what)
        if kind not in KINDS:
            raise OptionError(f"{what}: kind must be one of {', '.join(KINDS)}, not {kind!r}")
        self._name = name
        self._kind = kind
        self._tags = tags
        self._what = what
        self._node: Node | None = None
        self._leave: Callable[[], None] = lambda: None

    def tag(self, name: str, value: Any) -> None:
        self._span().tag(name, value)

    def log(self, text: Any) -> None:
        self._span().log(text)

    def cost(self, usd: float, **usage: Any) -> None:
        self._span().cost(usd, usage)

    def _span(self) -> Span:
        if self._node is None:
            raise OptionError(f"{self._what} is not open yet: use it as `with {self._what} as step:`")
        return self._node.span

    def __enter__(self) -> StepBlock:
        parent = here(self._what)
        if self._kind == "rpc":
            parent.session.commits.drain()
        return self._enter(parent, sys._getframe(1))

    def _enter(self, parent: Node, frame: FrameType) -> StepBlock:
        if self._node is not None:
            raise OptionError(f"{self._what} was used twice: create a new one for each block")
        session = parent.session
        session.check_awaited()
        tags = clean_object(self._tags)
        place = parent.child_place(quoted(f"step:{self._name}"), "null")
        node = Node(session, parent, Span(session, session.span_id(place), self._name), place, parent.is_async)
        node.owner = parent.owner
        node.start()
        node.span.start(parent.span.id, self._kind, place, tags_json(tags), *session.sources.caller())
        self._node = node
        if generator_frame(frame):
            outside = current.get()
            outside.blocks = outside.blocks or GeneratorBlocks()
            outside.blocks.enter(frame, node)
            self._leave = partial(outside.blocks.leave, frame, node)
        else:
            self._leave = partial(current.reset, current.set(node))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        node = self._node
        assert node is not None
        try:
            self._leave()
        except ValueError:  # the generator was closed in another context
            pass
        if error is None:
            node.span.end("success")
        elif not is_remembered(error):
            node.span.end("cancelled")
        else:
            happened_in(error, node.span.id)
            node.span.end("failed", error=describe(error))
        node.close()

    async def __aenter__(self) -> StepBlock:
        parent = here(self._what)
        if self._kind == "rpc":
            await parent.session.commits.drain_async()
        return self._enter(parent, sys._getframe(1))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)
