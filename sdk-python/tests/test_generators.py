"""Blocks in generators: each generator's own, however the generators are advanced."""

from __future__ import annotations

from typing import Any

import pytest

HEAD = """
import contextlib
from hero_tracing import flow
@flow
def work(label: str): return label
def rows(name, count):
    with flow.step(name):
        for n in range(count):
            with flow.span("inner"):
                yield work(f"{name} {n}")
"""


def parents(attempt: Any) -> dict[str, list[str]]:
    """Below which spans, by name, the flows of a name ran."""
    started = {e["span_id"]: e for e in attempt.events if e["type"] == "span_started"}
    found: dict[str, list[str]] = {}
    for event in started.values():
        if event["parent_id"] is not None:
            found.setdefault(event["name"], []).append(started[event["parent_id"]]["name"])
    return found


def run(play: Any, body: str) -> tuple[Any, Any]:
    """The first run of a source that pauses at its end, and the executor after a replay that ran no step again."""
    executor = play(HEAD + body)
    first = executor.run()
    assert first.code == 75, executor.error
    steps = len(executor.commits)
    executor.answer("p", None)
    executor.run()
    assert executor.error is None and len(executor.commits) == steps
    return first, executor


def test_generators_advanced_side_by_side_keep_their_own_blocks(play: Any) -> None:
    first, executor = run(
        play,
        """
@flow
def main():
    seen = [[work("outside"), a, b] for a, b in zip(rows("a", 2), rows("b", 3))]
    after = work("after")
    flow.pause("p")
    return [seen, after]
""",
    )
    assert executor.output == [[["outside", "a 0", "b 0"], ["outside", "a 1", "b 1"]], "after"]
    found = parents(first)
    assert found["a"] == found["b"] == ["main"] and found["inner"] == ["a", "b", "a", "b"]
    assert sorted(found["work"]) == ["inner"] * 4 + ["main"] * 3


def test_a_generator_that_is_left_closes_its_block(play: Any) -> None:
    first, executor = run(
        play,
        """
@flow
def main():
    for value in rows("a", 5):
        with flow.step("consumer"): work("within")
        break
    del value
    left = rows("b", 5)
    next(left)
    left.close()
    flow.pause("p")
    return work("after")
""".replace('    return work("after")', '    return "done"'),
    )
    assert executor.output == "done"
    assert parents(first)["consumer"] == ["main"] and sorted(parents(first)["work"]) == ["consumer", "inner", "inner"]


def test_a_context_manager_made_of_a_generator_holds_for_its_caller(play: Any) -> None:
    first, executor = run(
        play,
        """
@contextlib.contextmanager
def section(name):
    with flow.step(name): yield name
@flow
def main():
    with section("outer"), section("inner"):
        value = work("x")
    flow.pause("p")
    return value
""",
    )
    assert executor.output == "x" and parents(first)["work"] == ["inner"]


@pytest.mark.parametrize("gather", [False, True])
def test_async_generators_too(play: Any, gather: bool) -> None:
    step = "(await asyncio.gather(work_on(name, n)))[0]" if gather else "await work_on(name, n)"
    executor = play(
        f"""
import asyncio
from hero_tracing import flow
@flow
async def work_on(name: str, n: int):
    await asyncio.sleep(0)
    return f"{{name}} {{n}}"
async def rows(name):
    async with flow.step(name):
        for n in range(2): yield {step}
@flow
async def main():
    a, b, seen = rows("a"), rows("b"), []
    for n in range(2): seen += [await a.__anext__(), await b.__anext__()]
    await a.aclose()
    await b.aclose()
    await flow.pause("p")
    return seen
"""
    )
    first = executor.run()
    executor.answer("p", None)
    executor.run()
    assert executor.error is None and executor.output == ["a 0", "b 0", "a 1", "b 1"]
    assert len(executor.commits) == 4 and parents(first)["work_on"] == ["a", "b", "a", "b"]


def test_threads_of_a_flow_never_share_a_place(play: Any) -> None:
    executor = play(
        """
import contextvars, sys, threading
from hero_tracing import flow
sys.setswitchinterval(1e-6)
@flow
def work(): return 1
@flow
def main():
    start = threading.Barrier(8)
    def calls():
        start.wait()
        for _ in range(100): work()
    threads = [threading.Thread(target=contextvars.copy_context().run, args=(calls,)) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return "done"
"""
    )
    executor.run()
    assert executor.error is None and executor.output == "done"
    assert len({step["place"] for step in executor.commits}) == len(executor.commits) == 800
