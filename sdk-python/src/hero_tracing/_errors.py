"""The errors of the SDK: each is named after what went wrong, and its message says what to do next.

Exception
└── FlowError                 everything below
    ├── Failed                `flow.Failed`: "this did not work", said by the flow itself
    ├── NotJson               a value that is not JSON; `.path` says where in it
    │   ├── ArgumentNotJson   … given to a flow
    │   └── ResultNotJson     … returned by a flow
    ├── OutputMismatch        a result that is not what `outputs` declares; `.path` says where
    ├── OptionError           a wrong use of `@flow`, `flow.step`, `flow.pause` …
    ├── NotAwaited            an operation in a coroutine without `await`
    ├── NoContext             a flow called from a thread that carries no context
    ├── Refused               the runtime refused an outcome, a question or an output; `.code` says why
    ├── PayloadTooLarge       an outcome, an answer or an input of more than 16 MiB
    ├── PauseTimeout          a pause without a default was not answered in time (a TimeoutError, too)
    ├── StepTimeout           a step worked longer than its `timeout` (a TimeoutError, too)
    ├── FlowNotFound          `flow.invoke` of a workflow or version that does not exist
    ├── InputsInvalid         `flow.invoke` with inputs that do not fit; `.issues` has every fault
    ├── ChildFailed           a spawned play ended without an output; `.status`, `.play_sid` and `.error_type` say how
    ├── CallFailed            a `flow.call` was refused; `.code` says why
    ├── SecretUnavailable     a `flow.secret` that is not declared or does not exist; `.name` and `.code` say which and why
    ├── ContainsSecret        a secret in what would be remembered or sent on; `.path` says where
    └── Disconnected          the runtime cannot be reached, or this process is a fork of the play's
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class FlowError(Exception):
    """The base class of all errors of the SDK.

    >>> issubclass(Failed, FlowError) and issubclass(StepTimeout, TimeoutError)
    True
    """


class Failed(FlowError):
    """Says "this did not work": the message is for people, the data for the caller; no traceback is shown.

    It is remembered like every error of a step: a replay raises it again with its message and data.

    >>> error = Failed("no source found", topic="heat pumps")
    >>> str(error), error.data
    ('no source found', {'topic': 'heat pumps'})
    """

    def __init__(self, message: str = "", /, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class NotJson(FlowError):
    """A value that JSON cannot carry; `path` names it inside the whole value.

    >>> NotJson("result.items[3]", "nan is not a JSON number").path
    'result.items[3]'
    """

    def __init__(self, path: str = "", problem: str = "") -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem


class ArgumentNotJson(NotJson):
    """An argument of a flow that JSON cannot carry: pass data, and make clients and files inside the flow.

    >>> from hero_tracing import flow
    >>> count = flow(name="count")(lambda items: len(items))
    >>> try:
    ...     flow(lambda: count({1, 2}))()
    ... except ArgumentNotJson as error:
    ...     print(error.path)
    arguments.items
    """


class ResultNotJson(NotJson):
    """A result of a flow that JSON cannot carry: return data.

    >>> from hero_tracing import flow
    >>> try:
    ...     flow(lambda: {1, 2})()
    ... except ResultNotJson as error:
    ...     print(error.path)
    result
    """


class OutputMismatch(FlowError):
    """A result that is not what the flow's `outputs` declare.

    >>> from hero_tracing import flow
    >>> @flow(outputs={"price": {"type": "integer"}})
    ... def price():
    ...     return {"price": "three"}
    >>> try:
    ...     price()
    ... except OutputMismatch as error:
    ...     print(error.path)
    result.price
    """

    def __init__(self, path: str = "", problem: str = "") -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class OptionError(FlowError):
    """A wrong use of the API; the message names the option and what to write instead.

    >>> from hero_tracing import flow
    >>> flow(retries=-1)(print)
    Traceback (most recent call last):
        ...
    hero_tracing._errors.OptionError: ...
    """


class NotAwaited(FlowError):
    """`flow.pause`, `ask_user`, `flow.map` or an async flow in a coroutine without `await`.

    >>> import asyncio
    >>> from hero_tracing import flow
    >>> @flow
    ... async def main():
    ...     return flow.pause("go") + 1
    >>> try:
    ...     asyncio.run(main())
    ... except NotAwaited as error:
    ...     print(error)
    flow.pause...await...
    """


class NoContext(FlowError):
    """A flow called from a thread without the context of a step: start it with `contextvars.copy_context().run`.

    >>> from hero_tracing import flow
    >>> try:
    ...     flow.current_span.log("hello")
    ... except NoContext as error:
    ...     print("outside of a flow")
    outside of a flow
    """


class Refused(FlowError):
    """The runtime refused what the play wanted to commit; `code` is the stable error code.

    >>> Refused("INVALID_PARAMS", "the schema is none").code
    'INVALID_PARAMS'
    """

    def __init__(self, code: str = "", message: str = "") -> None:
        super().__init__(message)
        self.code = code


class PayloadTooLarge(FlowError):
    """More than 16 MiB of JSON: keep large data in a mounted folder, and return its path.

    >>> from hero_tracing import flow
    >>> try:
    ...     flow(lambda: "x" * (16 * 1024 * 1024))()
    ... except PayloadTooLarge:
    ...     print("too large")
    too large
    """


class PauseTimeout(FlowError, TimeoutError):
    """The pause was not answered in time, and it has no default. `except TimeoutError` catches this error, too.

    >>> from hero_tracing import flow
    >>> from hero_tracing.testing import play
    >>> isinstance(play(flow(lambda: flow.pause("go", timeout=60))).error, PauseTimeout)
    True
    """


class StepTimeout(FlowError, TimeoutError):
    """The step worked longer than its `timeout`; the time in which it waits for answers, timers or children does not count.

    >>> import time
    >>> from hero_tracing import flow
    >>> slow = flow(timeout=0.01)(lambda: time.sleep(0.2))
    >>> try:
    ...     flow(lambda: slow())()
    ... except StepTimeout:
    ...     print("too slow")
    too slow
    """


class FlowNotFound(FlowError):
    """The workflow that `flow.invoke` names does not exist, or has no such version.

    >>> from hero_tracing import flow
    >>> from hero_tracing.testing import play
    >>> isinstance(play(flow(lambda: flow.invoke("no_such_workflow"))).error, FlowNotFound)
    True
    """


class InputsInvalid(FlowError):
    """The inputs do not fit what the workflow declares; the message lists every fault, and so does `.issues`.

    >>> InputsInvalid("no", [{"path": "topic", "message": "is required"}]).issues[0]["path"]
    'topic'
    """

    def __init__(self, message: str = "", issues: Iterable[Mapping[str, object]] = ()) -> None:
        super().__init__(message)
        self.issues = [dict(issue) for issue in issues]


class ChildFailed(FlowError):
    """A spawned play ended without an output; `status` says how (`failed`, `cancelled`, `timed_out`), and `play_sid` which play it is.

    >>> ChildFailed("the play 01a2 was cancelled", "01a2", "cancelled").status
    'cancelled'
    """

    def __init__(self, message: str = "", play_sid: str = "", status: str = "failed", error_type: str = "") -> None:
        super().__init__(message)
        self.play_sid = play_sid
        self.status = status
        self.error_type = error_type


class CallFailed(FlowError):
    """A method of the runtime refused a `flow.call`; `code` is the stable error code. It is remembered: a replay raises it again.

    >>> CallFailed("the play has no grant for play_list", "FORBIDDEN").code
    'FORBIDDEN'
    """

    def __init__(self, message: str = "", code: str = "") -> None:
        super().__init__(message)
        self.code = code


class SecretUnavailable(FlowError):
    """The play gets no secret of this name; the message says what to do, and `code` is the stable error code.

    >>> from hero_tracing import flow
    >>> from hero_tracing.testing import play
    >>> play(flow(lambda: flow.secret("API_KEY"))).error.name
    'API_KEY'
    """

    def __init__(self, message: str = "", name: str = "", code: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.code = code


class ContainsSecret(FlowError):
    """A value that would be remembered, asked or sent on has a secret in it: pass on something else, or the secret's name.

    >>> str(ContainsSecret("result.headers", "API_KEY", "return data without it"))
    'result.headers contains the secret API_KEY, which must not be stored: return data without it'
    """

    def __init__(self, path: str = "", name: str = "", remedy: str = "") -> None:
        super().__init__(f"{path} contains the secret {name}, which must not be stored: {remedy}")
        self.path = path
        self.name = name
        self.remedy = remedy


class Disconnected(FlowError):
    """The runtime cannot be reached from this process: it is a fork of the play's process. Call flows in the play's own process.

    >>> issubclass(Disconnected, FlowError)
    True
    """
