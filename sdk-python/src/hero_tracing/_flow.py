"""`flow`: the decorator, and the operations that a flow may use."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NoReturn, ParamSpec, TypeVar, overload

from . import _command, _errors, _invoke, _methods, _pause, _values
from ._awaited import Awaited, check_sync_here
from ._blocks import StepBlock
from ._call_site import Site
from ._calls import call_async, call_now
from ._declare import Declaration
from ._errors import OptionError
from ._identity import idempotency_key
from ._local import run_local, run_local_async
from ._map import map_items
from ._node import current_node, here, no_context
from ._open_call import OpenCall
from ._options import check_option
from ._outcome import result_of
from ._secrets.ask import secret
from ._session import active
from ._spans import Span

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class CurrentSpan:
    """The span in which this code runs. A branch (an item of a map, a Task) uses the span of its node.

    >>> @flow
    ... def main():
    ...     flow.current_span.tag("colour", "red")
    ...     flow.current_span.log("painting")
    >>> main()
    """

    def _span(self, what: str) -> Span:
        return here(f"flow.current_span.{what}").span

    def tag(self, name: str, value: Any) -> None:
        """Shows a value beside the span. A value that is not JSON is shown as its repr.

        In a replay, code outside remembered steps runs again, and sets its tags again. Raises NoContext outside a flow.

        >>> @flow
        ... def count(words: list) -> int:
        ...     flow.current_span.tag("words", len(words))
        ...     return len(words)
        >>> count(["tea", "milk"])
        2
        """
        self._span("tag").tag(name, value)

    def log(self, text: Any) -> None:
        """Adds a line to the log of the span; `print` does the same. A remembered step does not log again in a replay.

        Raises NoContext outside a flow.

        >>> from hero_tracing.testing import play
        >>> @flow
        ... def search():
        ...     flow.current_span.log("looking")
        >>> print(play(search).tree)
        ✓ search
          │ looking
        """
        self._span("log").log(text)

    def cost(self, usd: float, /, **usage: Any) -> None:
        """Adds a cost in US dollars and the usage that it was paid for, for example `cost(0.002, input_tokens=900)`.

        Several costs of one span add up; the cost of a play is the sum over the spans that really ran, so that a replayed step
        costs nothing again. Raises OptionError unless `usd` is a number, 0 or more, and NoContext outside a flow.

        >>> from hero_tracing.testing import play
        >>> @flow
        ... def summarise():
        ...     flow.current_span.cost(0.002, input_tokens=900)
        >>> play(summarise).cost_usd
        0.002
        """
        self._span("cost").cost(usd, usage)


class CurrentStep:
    """The flow call that this code belongs to.

    >>> @flow
    ... def main():
    ...     return flow.current_step.name
    >>> main()
    'main'
    """

    @property
    def key(self) -> str:
        """An idempotency key for the outside world: the same in every attempt of this step, different in every play.

        32 hexadecimal digits. Raises NoContext outside a flow.

        >>> @flow
        ... def pay(amount: int) -> int:
        ...     return len(flow.current_step.key)
        >>> pay(3)
        32
        """
        node = here("flow.current_step.key")
        call: OpenCall = node.owner
        return idempotency_key(call.session.play_sid, call.key)

    @property
    def name(self) -> str:
        """The name of the flow. Raises NoContext outside a flow.

        >>> @flow(name="pay the bill")
        ... def pay():
        ...     return flow.current_step.name
        >>> pay()
        'pay the bill'
        """
        call: OpenCall = here("flow.current_step.name").owner
        return call.declaration.name


class Flow:
    """The object with which flows are written: `from hero_tracing import flow`.

    As a decorator it makes a function a workflow, a step and a unit of memory in one. The outermost call of a flow is the
    play; each call of another flow inside it is a step whose outcome is remembered.

    >>> @flow
    ... def double(n: int) -> int:
    ...     return 2 * n
    >>> @flow(name="sum_up", inputs={"numbers": {"type": "array", "required": True}})
    ... def main(numbers):
    ...     return sum(flow.map(double, numbers))
    >>> main([1, 2, 3])
    12
    """

    Failed = _errors.Failed

    @overload
    def __call__(self, fn: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def __call__(
        self,
        *,
        name: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        description: str | None = None,
        tags: Iterable[str] = (),
        memo: bool = True,
        retries: int = 0,
        retry_delay: float = 1.0,
        backoff: float = 2.0,
        jitter: float = 0.1,
        timeout: float | None = None,
        at_most_once: bool = False,
        durability: str = "durable",
        grants: Iterable[str] = (),
        secrets: Iterable[str] = (),
        egress: Iterable[str] | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def __call__(self, fn: Any = None, /, **options: Any) -> Any:  # type: ignore[misc]
        """Declares a flow: `@flow`, or `@flow(name=…, inputs=…, outputs=…, description=…, tags=…, …)`.

        docs/authoring.md has the table of options; `durability`, `grants`, `secrets` and `egress` have an effect only on the entry flow.

        Arguments and results are JSON, up to 16 MiB; the caller gets the decoded JSON of the result, in the first run as in a
        replay. With `memo=False` the call is only a span, and runs again in every attempt.
        Raises OptionError for an unknown or wrong option. A call raises ArgumentNotJson or ResultNotJson, with the path of
        the value, StepTimeout, and whatever the function raises.
        """
        for option in options:
            check_option(option)
        if fn is None:
            return lambda fn: _decorate(fn, options)
        if not callable(fn):
            raise OptionError("@flow takes its options by name, for example @flow(name='pick')")
        return _decorate(fn, options)

    def step(self, name: str, /, **tags: Any) -> StepBlock:
        """A span without memory around a block of code; `with` and `async with` both work. The block runs again in a replay.

        >>> @flow
        ... def write():
        ...     with flow.step("draft", tone="plain") as step:
        ...         step.tag("words", 120)
        ...     return "done"
        >>> write()
        'done'
        """
        return StepBlock(name, "step", tags, f"flow.step({name!r})")

    def span(self, name: str, /, *, kind: str = "other", **tags: Any) -> StepBlock:
        """Like `flow.step`, with a kind: `step`, `rpc` or `other`. A pipelined play waits for its commits before an `rpc` span begins.

        >>> @flow
        ... def fetch() -> int:
        ...     with flow.span("GET /prices", kind="rpc"):
        ...         return 200
        >>> fetch()
        200
        """
        return StepBlock(name, kind, tags, f"flow.span({name!r})")

    def map(self, fn: Callable[[T], Any], items: Iterable[T], *, max_workers: int | None = None) -> Any:
        """Calls a flow with each item, at most `max_workers` (32) at a time, and returns the results in order.

        Each item is remembered by itself: a replay runs only the items without an outcome. An item that waits for an answer
        gives its worker to the next one. If items fail, the others still end; then the error of the first failed item (by
        index) is raised. In a coroutine: `await flow.map(…)`.

        >>> @flow
        ... def half(n: int) -> float:
        ...     return n / 2
        >>> flow(lambda: flow.map(half, [2, 4]))()
        [1.0, 2.0]
        """
        return map_items(fn, items, max_workers)

    def pause(
        self,
        name: str,
        *,
        schema: Mapping[str, Any] | None = None,
        ui: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        default: Any = _pause.MISSING,
    ) -> Any:
        """Waits for an answer from a person, a webhook or another service, for days if need be, and returns it.

        `schema` is the JSON Schema that an answer must satisfy; without `ui` no form is shown. After `timeout` seconds
        the answer is `default`, or PauseTimeout is raised. While the play waits it holds no process: it is replayed
        when the answer has arrived, and no `except` or `finally` runs in between. Raises Refused for a question that cannot
        be asked, for example because of a bad schema, and NoContext outside a flow. In a coroutine: `await flow.pause(…)`.

        >>> from hero_tracing.testing import play
        >>> @flow
        ... def main():
        ...     return flow.pause("paid", schema={"type": "object", "required": ["amount"]})
        >>> play(main, answers={"paid": {"amount": 3}}).output
        {'amount': 3}
        """
        return _pause.pause(name, schema=schema, ui=ui, timeout=timeout, default=default)

    def invoke(self, name: str, /, *, spawn: bool = False, version_sid: str = "", **inputs: Any) -> Any:
        """Runs another workflow and returns its output, as a span of kind `subflow`.

        The workflow runs in this process, or with `spawn=True` as a play of its own: this branch then waits without a slot and, after
        two seconds, without a process. The current version is used unless `version_sid` names one; a replay
        uses the same. Raises FlowNotFound, InputsInvalid with every fault, and the errors of the flow; for a spawned play
        ChildFailed. In a coroutine: `await flow.invoke(…)`.

        >>> from hero_tracing import FlowNotFound
        >>> @flow
        ... def main():
        ...     try:
        ...         return flow.invoke("no_such_workflow", topic="tea")
        ...     except FlowNotFound:
        ...         return "not found"
        >>> main()
        'not found'
        """
        return _invoke.invoke(name, spawn, version_sid, inputs)

    def call(self, method: str, /, **params: Any) -> Any:
        """Calls a method of the runtime, within the play's grant, and returns its result; it is remembered like a step's.

        `flow_library_search` is granted to every play, others by `@flow(grants=["workflow_list"])` on the entry flow.
        Raises CallFailed with the error's `.code`, also in a replay. In a coroutine: `await flow.call(…)`.

        >>> from hero_tracing.testing import play
        >>> @flow(grants=["workflow_list"])
        ... def main():
        ...     return [workflow["name"] for workflow in flow.call("workflow_list")["items"]]
        >>> play(main, methods={"workflow_list": {"items": [{"name": "welcome"}]}}).output
        ['welcome']
        """
        return _methods.call(method, params)

    def secret(self, name: str, /) -> str:
        """The value of a secret that the entry flow declares: `@flow(secrets=["API_KEY"])`. It is never awaited, not even in a coroutine.

        The executor reads it from HERO_SECRETS_FILE when it is asked. It is no remembered value: each attempt asks again. What the
        play logs shows its name instead; a result, an argument or a question that contains it raises ContainsSecret. Raises
        SecretUnavailable if it is not declared or does not exist.

        >>> from hero_tracing.testing import play
        >>> @flow(secrets=["API_KEY"])
        ... def main():
        ...     return len(flow.secret("API_KEY"))
        >>> play(main, secrets={"API_KEY": "sk-of-the-reference"}).output
        19
        """
        return secret(name)

    def webhook(self, name: str, /, *, expires: float | None = None) -> Any:
        """Makes a signed link (`/hooks/resume/<token>` at the gateway) that answers the next `flow.pause(name)` once.

        A pause of this branch has precedence. Pass the link to another service: the body of its POST is the answer, and may
        arrive before the pause. The link is valid for `expires` seconds, 30 days by default. A replay returns the same link.
        Raises CallFailed where the runtime refuses, and OptionError for a wrong name or time. In a coroutine: `await flow.webhook(…)`.

        >>> from hero_tracing.testing import play
        >>> @flow
        ... def main():
        ...     link = flow.webhook("paid", expires=3600)  # give it to the payment service
        ...     return flow.pause("paid")
        >>> play(main, methods={"play_hook": {"path": "/hooks/resume/x"}}, answers={"paid": 3}).output
        3
        """
        return _methods.webhook(name, expires)

    def sleep(self, seconds: float, /) -> Any:
        """Waits for this many seconds. Up to 2 s the process stays; a longer sleep is a timer, and the process may exit.

        A timer runs from the first call, also while the process is dead: a replay waits only for the rest. Raises OptionError unless
        it is a number, 0 or more. In a coroutine: `await flow.sleep(…)`.

        >>> from hero_tracing.testing import play
        >>> @flow
        ... def main():
        ...     flow.sleep(3600)  # takes no time in a test
        ...     return "an hour later"
        >>> play(main).output
        'an hour later'
        """
        return _values.sleep(seconds)

    def sleep_until(self, when: datetime | str, /) -> Any:
        """Waits like `flow.sleep`, but until a time: a datetime with a time zone, or an ISO 8601 string with one.

        A time that has passed returns immediately. Raises OptionError for a time without a zone. In a coroutine: `await flow.sleep_until(…)`.

        >>> @flow
        ... def main():
        ...     flow.sleep_until("2020-01-01T00:00:00Z")
        ...     return "awake"
        >>> main()
        'awake'
        """
        return _values.sleep_until(when)

    def now(self) -> datetime:
        """The time (UTC) as a remembered value: a replay sees the same. It is never awaited, not even in a coroutine.

        >>> @flow
        ... def age():
        ...     return flow.now().year > 2000
        >>> age()
        True
        """
        return _values.now()

    def uuid(self) -> str:
        """A random UUID (version 4) as text of 36 characters, remembered like `flow.now()`; never awaited.

        >>> @flow
        ... def name():
        ...     return len(flow.uuid())
        >>> name()
        36
        """
        return _values.make_uuid()

    def random(self) -> float:
        """A random number from 0 to below 1, remembered like `flow.now()`; never awaited.

        >>> @flow
        ... def lucky():
        ...     return 0 <= flow.random() < 1
        >>> lucky()
        True
        """
        return _values.make_random()

    def run(self, fn: Callable[..., Any], /) -> NoReturn:
        """Makes a file with flows a command: the last line of the file, under `if __name__ == "__main__":`.

        `python file.py --input name=value` plays `fn` without the runtime, prints its tree, asks its questions, prints its result
        and exits. `--json` prints the result as one line; with `--memory DIR` a second run goes on where the first stopped.
        Raises OptionError for what is no flow, and inside of one.

        >>> flow.run(len)
        Traceback (most recent call last):
            ...
        hero_tracing._errors.OptionError: flow.run takes a function decorated with @flow, not <built-in function len>
        """
        declaration = declaration_of(fn)
        if declaration is None:
            raise OptionError(f"flow.run takes a function decorated with @flow, not {fn!r}")
        if current_node() is not None or active() is not None:
            raise OptionError('flow.run is for plain Python: call it under `if __name__ == "__main__":`')
        options = _command.parser(f"python {sys.argv[0]}").parse_intermixed_args(sys.argv[1:])
        sys.exit(_command.run(fn, declaration, _command.fields_of_entry(declaration), options))

    def flush(self) -> Any:
        """Returns when all steps that returned earlier are committed. In a durable play they already are.

        In a coroutine: `await flow.flush()`. Raises NoContext outside a flow.

        >>> @flow
        ... def main():
        ...     flow.flush()
        ...     return "stored"
        >>> main()
        'stored'
        """
        node = here("flow.flush()")
        if check_sync_here("flow.flush()", node):
            return Awaited("flow.flush()", node.session.commits.drain_async(), node.session)
        return node.session.commits.drain()

    current_span = CurrentSpan()
    current_step = CurrentStep()


flow = Flow()


def _decorate(fn: Callable[P, R], options: dict[str, Any]) -> Callable[P, R]:
    declaration = Declaration(fn, **options)

    if declaration.is_async:
        what = f"{declaration.name}(…)"

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            parent = current_node()
            site = Site(parent, declaration.name_json, lambda: declaration.arguments(args, kwargs)) if parent else None
            inner = _call_async(declaration, args, kwargs, site)
            return Awaited(what, inner, parent.session if parent else None)

        mark = getattr(inspect, "markcoroutinefunction", None)
        if mark is not None:
            mark(wrapper)
    else:

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            parent = current_node()
            if parent is not None:
                return result_of(call_now(declaration, args, kwargs, parent))
            if active() is not None:
                raise no_context(f"The flow {declaration.name!r}")
            return run_local(declaration, args, kwargs)

    wrapper.__hero_flow__ = declaration  # type: ignore[attr-defined]
    return wrapper


async def _call_async(
    declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any], site: Site | None
) -> Any:
    parent = current_node()
    if parent is not None:
        site = site or Site(parent, declaration.name_json, lambda: declaration.arguments(args, kwargs))
        return result_of(await call_async(declaration, args, kwargs, parent, site.place_in(parent)))
    if active() is not None:
        raise no_context(f"The flow {declaration.name!r}")
    return await run_local_async(declaration, args, kwargs)


def declaration_of(fn: Any) -> Declaration | None:
    """What `@flow` declared for this function, if it did."""
    return getattr(fn, "__hero_flow__", None)
