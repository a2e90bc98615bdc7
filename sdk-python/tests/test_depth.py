"""How deep values may be: one limit and one error, where it arises; what is only shown is cut."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hero_tracing import NotJson
from hero_tracing._canonical import DEEPEST, canonical, dump, load

HEAD = """
import asyncio
from hero_tracing import flow, NotJson
class MyList(list): pass
class MyDict(dict): pass
def nested(kind, levels):
    value = 1
    for n in range(levels):
        value = {"list": lambda: [value], "tuple": lambda: (value,), "dict": lambda: {"k": value},
                 "mixed": lambda: [value] if n % 2 else {"k": value, "l": 1},
                 "subclasses": lambda: MyList([value]) if n % 2 else MyDict(k=value)}[kind]()
    return value
def levels_of(value):
    levels = 0
    while isinstance(value, (list, dict)):
        value, levels = value["k"] if isinstance(value, dict) else value[0], levels + 1
    return levels
"""
KINDS = ("list", "tuple", "dict", "mixed", "subclasses")


@pytest.mark.parametrize("kind", KINDS)
def test_400_levels_are_remembered_and_no_more(play: Any, kind: str) -> None:
    source = """
@flow
def echo(value): return value
@flow
def give(kind, levels): return nested(kind, levels)
@flow
async def give_async(kind, levels): return nested(kind, levels)
@flow
async def main(kind):
    seen = []
    for levels in (63, 64, 65, 81, 399, 400):
        seen.append(levels_of(give(kind, levels)) == levels_of(await give_async(kind, levels)) == levels)
        seen.append(levels_of(echo(nested(kind, levels - 1))) == levels - 1)
    for step in (lambda: give(kind, 401), lambda: give(kind, 100_000 if kind == "list" else 2000), lambda: echo(nested(kind, 400))):
        try: seen.append(step())
        except NotJson as error: seen.append([error.problem.partition(" (")[0], len(error.path) <= 200])
    return seen
"""
    executor = play(HEAD + source, input={"kind": kind})
    for _ in range(2):
        attempt = executor.run()
        assert attempt.code == 0 and executor.error is None, executor.error
        refused = ["nested deeper than 400 levels", True]
        assert executor.output == [True] * 12 + [refused] * 3


def test_the_limit_does_not_depend_on_how_deep_the_flow_has_called(play: Any) -> None:
    source = """
@flow
def echo(value): return value
@flow
def give(levels): return nested("mixed", levels)
def down(n, then): return down(n - 1, then) if n else then()
@flow
def main():
    seen = []
    for depth in (0, 300, 600, 850):
        seen.append(down(depth, lambda: levels_of(give(400))))
        seen.append(down(depth, lambda: levels_of(echo(nested("list", 399)))))
        try: down(depth, lambda: give(401))
        except NotJson as error: seen.append(error.problem.partition(" (")[0])
        down(depth, lambda: flow.current_span.tag("deep", nested("mixed", 400)))
        try: down(depth, lambda: flow.map(give, [401]))
        except NotJson as error: seen.append(error.problem.partition(" (")[0])
    return seen
"""
    executor = play(HEAD + source)
    for _ in range(2):
        executor.run()
        problem = "nested deeper than 400 levels"
        assert executor.output == [400, 399, problem, problem] * 4, executor.error


def test_what_is_shown_is_cut(play: Any) -> None:
    source = """
@flow
def give(levels): return nested("list", levels)
@flow
def main():
    flow.current_span.tag("deep", nested("dict", 300))
    twice = []
    for _ in range(200): twice = [twice, twice]
    flow.current_span.tag("wide", twice)
    give(64)
    give(65)
    return levels_of(give(400))
"""
    executor = play(HEAD + source)
    attempt = executor.run()
    assert executor.output == 400
    shown = [event["output"] for event in attempt.events if event["type"] == "span_ended" and event["output"] != 400]
    texts = [json.dumps(output) for output in shown]
    assert texts == ["[" * 64 + "1" + "]" * 64, *["[" * 64 + '"\\u2026"' + "]" * 64] * 2]
    tags = [event["tags"] for event in attempt.events if event["type"] == "span_tagged"]
    assert json.dumps(tags[0]).count("{") == 64 and "\\u2026" in json.dumps(tags[0])
    assert len(attempt.raw[-2]) < 512 * 1024 and "wide" in tags[1]


def test_a_value_without_end_is_nested_too_deeply() -> None:
    endless: list[Any] = []
    endless.append(endless)
    around = {"k": endless}
    endless.append(around)
    for write in (canonical, dump):
        with pytest.raises(NotJson, match="nested deeper than 400 levels") as refused:
            write(around)
        assert len(refused.value.path) <= 200


def test_the_limit_is_the_same_for_reading() -> None:
    text = "[" * DEEPEST + "]" * DEEPEST
    assert dump(load(text)) == text

    def down(n: int) -> str:
        return down(n - 1) if n else dump(load(text))

    assert down(850) == text
