"""A body has its own copy of its arguments; places have only the arguments of flows."""

from __future__ import annotations

from typing import Any

import pytest

HEAD = "from collections import OrderedDict, namedtuple\nfrom enum import IntEnum\nfrom hero_tracing import ask_user, flow\n"


def outputs_of(play: Any, source: str) -> tuple[Any, Any, list[str]]:
    """The output of a first run, of one that was suspended on its way, and the names that the latter committed."""
    plain = play(HEAD + source.replace("PAUSE", "None"))
    plain.run(until_end=True)
    assert plain.error is None
    paused = play(HEAD + source.replace("PAUSE", "flow.pause('p')"))
    paused.run()
    paused.answer("p", None)
    paused.run()
    assert paused.error is None
    return plain.output, paused.output, [step["name"] for step in paused.commits]


@pytest.mark.parametrize(("define", "await_"), [("def", ""), ("async def", "await ")])
def test_what_a_step_changes_in_its_argument_nobody_else_sees(play: Any, define: str, await_: str) -> None:
    source = f"""
@flow
{define} change(rows: list, options: dict):
    rows.append(len(rows)); options["seen"] = True; options["deep"]["x"][0].append(1)
    return len(rows)
@flow
{define} count(rows: list): return len(rows)
@flow
{define} main():
    rows, options = [1], {{"deep": {{"x": ([],)}}}}
    {await_}change(rows, options)
    first = {await_}count(rows)
    {"await flow.pause('p')" if await_ else "PAUSE"}
    return [first, {await_}count(rows), rows, options]
"""
    if await_:
        executor = play(HEAD + source)
        executor.run()
        executor.answer("p", None)
        executor.run()
        plain, paused, names = executor.output, executor.output, [step["name"] for step in executor.commits]
    else:
        plain, paused, names = outputs_of(play, source)
    assert plain == paused == [1, 1, [1], {"deep": {"x": [[]]}}]
    assert names == ["change", "count", "count"]


def test_a_mutable_default_is_fresh_in_each_call(play: Any) -> None:
    plain, paused, names = outputs_of(
        play,
        """
@flow
def add(item: str, to: list = [], /, *, notes: dict = {}):
    to.append(item); notes[item] = 1
    return [to, notes]
@flow
def main():
    first = add("a")
    PAUSE
    return [first, add("b"), add("c", ["x"], notes={"y": 2})]
""",
    )
    assert plain == paused == [[["a"], {"a": 1}], [["b"], {"b": 1}], [["x", "c"], {"y": 2, "c": 1}]]
    assert names == ["add", "add", "add"]


def test_each_try_gets_the_arguments_as_they_were(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow(retries=2, retry_delay=0)
def once(rows: list):
    rows.append(1)
    if len(rows) < 2: raise ValueError(str(rows))
@flow
def main():
    try: once([])
    except ValueError as error: return str(error)
"""
    )
    executor.run()
    assert executor.output == "[1]"


def test_a_body_gets_the_kinds_of_values_that_it_was_called_with(play: Any) -> None:
    executor = play(
        HEAD
        + """
Point = namedtuple("Point", "x y")
class Color(IntEnum):
    RED = 1
class Name(str):
    def shout(self): return self.upper()
@flow
def kinds(point, color, name, ordered, pair):
    ordered.move_to_end("a")
    return [point.x, color is Color.RED, name.shout(), list(ordered), isinstance(pair, tuple)]
@flow
def main():
    ordered = OrderedDict(a=1, b=2)
    return [kinds(Point(1, [2]), Color.RED, Name("n"), ordered, (1, 2)), list(ordered)]
"""
    )
    executor.run()
    assert executor.error is None
    assert executor.output == [[1, True, "N", ["b", "a"], True], ["a", "b"]]


def test_tags_of_a_step_are_no_part_of_the_place_of_what_is_below(play: Any) -> None:
    executor = play(
        """
import time
from hero_tracing import flow
@flow
def charge(): return 1
@flow
def main():
    with flow.step("pay", at=time.time_ns()), flow.span("call", kind="other", at=time.time_ns()):
        charge()
        return flow.pause("p")
"""
    )
    executor.run()
    executor.answer("p", 1)
    executor.run()
    assert executor.output == 1 and [step["name"] for step in executor.commits] == ["charge"]
