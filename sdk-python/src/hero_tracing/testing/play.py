"""`play`: one run of a flow in the process of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from .. import _clock, _local
from .._declare import Declaration
from .._errors import OptionError
from .._flow import declaration_of
from .._instrument import fakes as _fakes
from .._local_lane import LocalLane
from .._local_memory import LocalMemory
from .._node import current_node
from .answers import Answers, TestLane
from .tree import Spans

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Ran:
    """What a run of a flow came to.

    >>> from hero_tracing import flow
    >>> ran = play(flow(name="two")(lambda: 2))
    >>> ran.output, ran.error, ran.span("two")["status"], ran.cost_usd
    (2, None, 'success', 0.0)
    """

    def __init__(self, spans: Spans, output: Any, error: BaseException | None, again: Callable[[], Ran]) -> None:
        self._spans = spans
        self._output = output
        self._again = again
        self.error = error

    @property
    def output(self) -> Any:
        """What the flow returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self._output

    @property
    def tree(self) -> str:
        """The tree as text for a snapshot: marks, names, errors and logs, without times, tags and ids."""
        return self._spans.text()

    @property
    def spans(self) -> list[dict[str, Any]]:
        """All spans in the order in which they began: name, kind, status, tags, logs, output, error, cost_usd, usage."""
        return self._spans.all()

    def span(self, name: str) -> dict[str, Any]:
        """The one span of this name."""
        found = [span for span in self.spans if span["name"] == name]
        if len(found) != 1:
            names = ", ".join(sorted({span["name"] for span in self.spans}))
            raise AssertionError(f"{len(found)} spans are named {name!r}; there are: {names}")
        return found[0]

    @property
    def cost_usd(self) -> float:
        """The cost of all spans that really ran."""
        return float(round(sum(span["cost_usd"] for span in self.spans), 12))

    def again(self) -> Ran:
        """Runs the flow again with what it remembers, as after a pause: remembered steps are replayed, and everything else runs."""
        return self._again()

    def __repr__(self) -> str:
        return f"<Ran {'failed' if self.error is not None else 'success'}>\n{self.tree}"


class _Test(_local.Surroundings):
    """No terminal: answers are given, the clock skips, the events are kept."""

    def __init__(
        self,
        memory: LocalMemory,
        answers: Answers,
        clock: _clock.Clock,
        methods: Mapping[str, Any],
        secrets: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._memory = memory
        self._answers = answers
        self._clock = clock
        self._methods = methods
        self._secrets = secrets
        self._lane: TestLane | None = None
        self.show = self.lines.extend

    def memory(self, *_: Any) -> LocalMemory:
        return self._memory

    def lane(self, file: str | None, memory: LocalMemory, lines: list[str]) -> LocalLane:
        self._lane = TestLane(file, memory, self._answers, self._clock, self._methods, self._secrets)
        return self._lane

    @property
    def misfit(self) -> OptionError | None:
        """The error of the first answer that did not fit its question."""
        return self._lane.misfit if self._lane is not None else None


def play(
    flow: Callable[..., Any],
    inputs: Mapping[str, Any] | None = None,
    *,
    answers: Mapping[str, Any] | None = None,
    fakes: Mapping[Any, Any] | None = None,
    methods: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    start: datetime = START,
) -> Ran:
    """Runs a flow, sync or async, in this process, and returns what it came to; an error is kept in `.error`.

    `answers`: for pauses, by name or glob, the exact name first; a list is used up in order. A pause without one fails the run.
    `fakes`: for instrumented clients, by class or class name: an object, or a mapping of method paths to functions, values or
    errors. `methods`: results for `flow.call`; `secrets`: those of `flow.secret`. `flow.sleep`, timers and backoffs take no time, and `flow.now()` begins at `start`.

    >>> from hero_tracing import flow, instrument
    >>> class Shop:
    ...     def price(self, item): raise RuntimeError("no network in a test")
    >>> shop = instrument(Shop())
    >>> @flow
    ... def main():
    ...     flow.sleep(3600)
    ...     return shop.price("tea")
    >>> play(main, fakes={Shop: {"price": 3}}).output
    3
    """
    declaration = declaration_of(flow)
    if declaration is None:
        raise OptionError(f"play takes a function decorated with @flow, not {flow!r}")
    if current_node() is not None:
        raise OptionError("play runs a flow from outside: inside a flow, call the other flow itself")
    if start.tzinfo is None:
        raise OptionError(f"play: start must be a datetime with a time zone, not {start!r}")
    memory = LocalMemory()
    given = Answers(answers or {})
    clock = _clock.SkippingClock(start)

    def run() -> Ran:
        test = _Test(memory, given, clock, methods or {}, secrets or {})
        output, error = _run(declaration, flow, dict(inputs or {}), test, clock, fakes or {})
        return Ran(Spans(test.lines), output, test.misfit or error, run)

    return run()


def _run(
    declaration: Declaration,
    flow: Callable[..., Any],
    inputs: dict[str, Any],
    test: _Test,
    clock: _clock.Clock,
    fakes: Mapping[Any, Any],
) -> tuple[Any, BaseException | None]:
    arguments = declaration.root_arguments(inputs)
    clock_before, fakes_before, local_before = _clock.use(clock), _fakes.use(fakes), _local.use(test)
    try:
        if declaration.is_async:
            return asyncio.run(_awaited(flow, arguments)), None
        return flow(**arguments), None
    except Exception as error:
        return None, error
    finally:
        _clock.use(clock_before)
        _fakes.use(fakes_before)
        _local.use(local_before)


async def _awaited(flow: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    return await flow(**arguments)
