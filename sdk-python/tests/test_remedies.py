"""What the errors of the SDK tell the author to do: one case for each message, with its remedy."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

import hero_tracing
from hero_tracing import ask_user, flow
from hero_tracing.testing import play

MIB = 1024 * 1024


@flow
def step(value: Any = None) -> Any:
    return value


@flow
async def async_step() -> None: ...


def inside(body: Callable[[], Any], **options: Any) -> Callable[[], Any]:
    return lambda: play(flow(name="main", **options)(body)).output


def in_coroutine(body: Callable[[], Any]) -> Callable[[], Any]:
    async def main() -> Any:
        return body()

    return lambda: asyncio.run(flow(name="main")(main)())


def without_context() -> None:
    raised: list[BaseException] = []

    def body() -> None:
        try:
            step()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    raise raised[0]


def outputs(value: Any) -> Callable[[], Any]:
    return inside(lambda: value, outputs={"n": {"type": "integer", "enum": [1, 2]}})


CASES: dict[str, tuple[Callable[[], Any], str, str]] = {
    "argument": (inside(lambda: step({1})), "ArgumentNotJson", "pass data, and make clients and files inside the flow"),
    "large integer": (inside(lambda: step(2**60)), "ArgumentNotJson", "pass it as a string"),
    "input of a workflow": (inside(lambda: flow.invoke("x", a={1})), "ArgumentNotJson", "pass data"),
    "parameter of a call": (inside(lambda: flow.call("x", a={1})), "ArgumentNotJson", "pass data"),
    "result": (inside(lambda: {1}), "ResultNotJson", "return data"),
    "large result": (inside(lambda: "x" * 17 * MIB), "PayloadTooLarge", "return the path of a file"),
    "large input": (inside(lambda: flow.invoke("x", a="x" * 17 * MIB)), "PayloadTooLarge", "pass the path of a file"),
    "large parameter": (
        inside(lambda: flow.call("x", a="x" * 17 * MIB)),
        "PayloadTooLarge",
        "pass less, or in several",
    ),
    "no object": (outputs([1]), "OutputMismatch", "return a dict with these keys"),
    "output left out": (outputs({}), "OutputMismatch", "return it, or declare it with required=False"),
    "output of another type": (outputs({"n": "x"}), "OutputMismatch", "return that, or declare what it is"),
    "output not of the enum": (outputs({"n": 3}), "OutputMismatch", "return one, or add it to enum"),
    "outside of a flow": (
        lambda: flow.current_span.log("x"),
        "NoContext",
        "call it from a function decorated with @flow",
    ),
    "a thread": (inside(without_context), "NoContext", "copy_context"),
    "not awaited": (in_coroutine(lambda: async_step() + 1), "NotAwaited", "await"),
    "blocking in a coroutine": (
        in_coroutine(lambda: step(flow(name="inner")(lambda: ask_user.text("?"))())),
        "OptionError",
        "Make it `async def`",
    ),
    "too slow": (
        inside(lambda: flow(name="slow", timeout=0.01)(lambda: time.sleep(0.2))()),
        "StepTimeout",
        "give it more, do less in one step, or catch StepTimeout",
    ),
    "unknown workflow": (
        inside(lambda: flow.invoke("nowhere")),
        "FlowNotFound",
        "a workflow is a file, and none of these",
    ),
    "unknown secret": (inside(lambda: flow.secret("API_KEY")), "SecretUnavailable", "secrets="),
    "unknown method": (inside(lambda: flow.call("workflow_list")), "CallFailed", "methods="),
    "unknown option": (lambda: flow(nmae="x"), "OptionError", "it has name, inputs"),
    "options in order": (lambda: flow("x"), "OptionError", r"for example @flow(name='pick')"),
    "a class": (lambda: flow(int), "OptionError", "write it above a `def`"),
    "a generator": (lambda: flow(lambda: (yield)), "OptionError", "return a list"),
    "a name with control characters": (lambda: flow(name="a\n")(lambda: 1), "OptionError", "remove them"),
    "a name that is too long": (lambda: flow(name="a" * 201)(lambda: 1), "OptionError", "1 to 200 characters"),
    "a type": (lambda: flow(inputs={"a": "text"})(lambda a: 1), "OptionError", "the types are"),
    "a field's option": (lambda: flow(inputs={"a": {"kind": "x"}})(lambda a: 1), "OptionError", "a field has"),
    "a field's name": (lambda: flow(inputs={1: "string"})(lambda a: 1), "OptionError", "write '1'"),
    "fields": (lambda: flow(inputs=[1])(lambda a: 1), "OptionError", "for example {'topic'"),
    "retries": (lambda: flow(retries=-1)(lambda: 1), "OptionError", "a whole number from 0 to"),
    "a timeout without memory": (lambda: flow(timeout=1, memo=False)(lambda: 1), "OptionError", "remove memo=False"),
    "a kind": (lambda: flow.span("x", kind="flow_root"), "OptionError", "one of step, rpc, other"),
    "a block that is not open": (inside(lambda: flow.step("x").tag("a", 1)), "OptionError", "use it as `with"),
    "workers": (inside(lambda: flow.map(step, [1], max_workers=0)), "OptionError", "a whole number, 1 or more"),
    "an async flow in a map": (
        inside(lambda: flow.map(async_step, [1])),
        "OptionError",
        "from an async flow and await it",
    ),
    "a default without timeout": (inside(lambda: flow.pause("x", default=1)), "OptionError", "pass timeout, too"),
    "a schema": (inside(lambda: flow.pause("x", schema=[1])), "OptionError", "must be an object (a dict)"),
    "an empty label": (inside(lambda: ask_user.text(" ")), "OptionError", "the label is what the person reads"),
    "no options": (inside(lambda: ask_user.choice("?", [])), "OptionError", "pass at least one"),
    "equal options": (inside(lambda: ask_user.choice("?", [1, 1])), "OptionError", "remove one"),
    "bounds of a number": (inside(lambda: ask_user.number("?", minimum=2, maximum=1)), "OptionError", "exchange them"),
    "bounds of a choice": (inside(lambda: ask_user.multi_choice("?", [1], at_least=2)), "OptionError", "lower it"),
    "a sleep": (inside(lambda: flow.sleep(-1)), "OptionError", "a number, 0 or more"),
    "a time without zone": (inside(lambda: flow.sleep_until("2027-01-31")), "OptionError", "with a time zone, or"),
    "a link's time": (inside(lambda: flow.webhook("x", expires=0)), "OptionError", "above 0, at most 366 days"),
    "a cost": (inside(lambda: flow.current_span.cost(-1)), "OptionError", "a number of dollars, 0 or more"),
    "a secret's name": (inside(lambda: flow.secret("a b")), "OptionError", "for example flow.secret('API_KEY')"),
    "a command of no flow": (lambda: flow.run(len), "OptionError", "a function decorated with @flow"),
    "a command inside a flow": (inside(lambda: flow.run(step)), "OptionError", "call it under `if __name__"),
    "a play of no flow": (lambda: play(len), "OptionError", "a function decorated with @flow"),
    "a start without zone": (
        lambda: play(step, start=datetime.now(timezone.utc).replace(tzinfo=None)),
        "OptionError",
        "a datetime with a time zone",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_message_names_the_remedy(case: str) -> None:
    wrong, error, remedy = CASES[case]
    with pytest.raises(getattr(hero_tracing, error), match=re.escape(remedy)):
        wrong()
