"""Fan-out: maps, gathered coroutines, and pauses in their branches, answered in any order."""

from __future__ import annotations

from typing import Any

import pytest

MAP = """
import time
from hero_tracing import flow, ask_user

@flow
def slow(n):
    print("slow", n)
    time.sleep(0.01 * n)
    return n * 10

@flow
def branch(n):
    before = slow(1)
    answer = flow.pause("q", schema={"type": "integer"})
    return [n, before, answer, slow(2)]

@flow
def main():
    try:
        return flow.map(branch, [7, 7, 8], max_workers=1)
    finally:
        print("finally")
"""

GATHER = """
import asyncio
from hero_tracing import flow

@flow
async def slow(n):
    print("slow", n)
    await asyncio.sleep(0.01)
    return n * 10

@flow
async def branch(n):
    before = await slow(1)
    answer = await flow.pause("q")
    return [n, before, answer, await slow(2)]

@flow
async def main():
    try:
        return await asyncio.gather(branch(7), branch(7), branch(8))
    finally:
        print("finally")
"""

ASYNC_MAP = GATHER.replace(
    "asyncio.gather(branch(7), branch(7), branch(8))", "flow.map(branch, [7, 7, 8], max_workers=1)"
)
SYNC_IN_ASYNC = (
    MAP.replace("@flow\ndef main", "@flow\nasync def main").replace("return flow.map", "return await flow.map")
)  # fmt: skip
TO_THREAD = MAP.replace("@flow\ndef main", "import asyncio\n@flow\nasync def main").replace(
    "flow.map(branch, [7, 7, 8], max_workers=1)",
    "await asyncio.gather(*(asyncio.to_thread(branch, n) for n in (7, 7, 8)))",
)


@pytest.mark.parametrize("source", [MAP, GATHER, ASYNC_MAP, SYNC_IN_ASYNC, TO_THREAD])
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_branches_wait_together_and_are_answered_in_any_order(play: Any, source: str, order: list[int]) -> None:
    executor = play(source)
    first = executor.run()
    assert first.code == 75
    assert first.logs() == ["slow 1"] * 3, "each branch is its own: equal calls are not the same call"
    asked = list(executor.questions)
    assert len(asked) == 3 and [frame["t"] for frame in first.frames].count("pause") == 1
    by_branch = {0: asked[0], 1: asked[1], 2: asked[2]}
    for position, which in enumerate(order):
        executor.answer_at(by_branch[which], 100 + which)
        attempt = executor.run()
        assert attempt.logs().count("slow 1") == 0, "what was done is remembered"
        assert attempt.logs().count("slow 2") == 1, "only the answered branch goes on"
        assert attempt.code == (75 if position < 2 else 0)
    assert attempt.logs().count("finally") == 1
    assert sum(attempt.logs().count("finally") for attempt in executor.attempts) == 1
    assert [item[0] for item in executor.output] == [7, 7, 8]
    assert sorted(item[2] for item in executor.output) == [100, 101, 102]
    again = executor.run()
    assert again.code == 0 and again.logs() == ["finally"], "a replay of all of it runs nothing"
    assert again.frames[-1]["output"] == attempt.frames[-1]["output"]


def test_the_places_of_map_items_do_not_depend_on_timing(play: Any) -> None:
    executor = play(MAP)
    executor.run()
    other = play(MAP.replace("max_workers=1", "max_workers=3"))
    other.run()
    assert set(executor.questions) == set(other.questions)
    assert set(executor.memory) == set(other.memory)


def test_a_prefilled_answer_goes_on_in_the_same_process(play: Any) -> None:
    for source in (MAP, GATHER, ASYNC_MAP, SYNC_IN_ASYNC):
        executor = play(source)
        executor.prefill = {"q": [1, 2, 3]}
        attempt = executor.run()
        assert attempt.code == 0, attempt.logs("stderr")
        assert sorted(item[2] for item in executor.output) == [1, 2, 3]


def test_only_some_answers_come_at_once(play: Any) -> None:
    executor = play(MAP)
    executor.prefill = {"q": [1, 2]}
    attempt = executor.run()
    assert attempt.code == 75
    requests = [frame for frame in attempt.frames if frame["t"] in ("ask", "pause")]
    asked = [question["place"] for frame in requests for question in frame["questions"]]
    assert len(asked) == len(set(asked)) == 3, "each question is sent once in an attempt"
    assert requests[-1]["t"] == "pause" and len(executor.questions) == 1
    executor.answer("q", 3)
    assert executor.run().code == 0


def test_a_waiting_item_gives_up_its_place_in_every_map_above_it(play: Any) -> None:
    executor = play("""
from hero_tracing import flow
@flow
def inner(n): return flow.pause(f"q{n}")
@flow
def outer(n): return flow.map(inner, [n, n + 1], max_workers=1)
@flow
def main(): return flow.map(outer, [0, 10, 20], max_workers=1)
""")
    assert executor.run().code == 75
    assert sorted(question["name"] for question in executor.questions.values()) == [
        "q0",
        "q1",
        "q10",
        "q11",
        "q20",
        "q21",
    ]
    executor.prefill = {name: [name] for name in ("q0", "q1", "q10", "q11", "q20", "q21")}
    executor.questions.clear()
    assert executor.run().code == 0
    assert executor.output == [["q0", "q1"], ["q10", "q11"], ["q20", "q21"]]


def test_max_workers_holds_when_answers_come_back(play: Any) -> None:
    executor = play("""
import threading, time
from hero_tracing import flow
inside = 0
most = 0
lock = threading.Lock()
@flow
def work(n):
    global inside, most
    flow.pause("q")
    with lock:
        inside += 1
        most = max(most, inside)
    time.sleep(0.005)
    with lock:
        inside -= 1
    return n
@flow
def main():
    flow.map(work, list(range(12)), max_workers=2)
    return most
""")
    executor.prefill = {"q": [0] * 12}
    assert executor.run().code == 0
    assert executor.output <= 2


def test_many_waiting_items_end_in_one_suspension(play: Any) -> None:
    executor = play("""
from hero_tracing import flow
@flow
def ask(n): return flow.pause("q")
@flow
def main(): return len(flow.map(ask, list(range(1500))))
""")
    attempt = executor.run()
    assert attempt.code == 75 and len(executor.questions) == 1000, "beyond that, items wait for their turn"
    for place in list(executor.questions):
        executor.answer_at(place, 1)
    assert executor.run().code == 75 and len(executor.questions) == 500
    for place in list(executor.questions):
        executor.answer_at(place, 1)
    assert executor.run().code == 0 and executor.output == 1500


def test_errors_in_a_map_are_raised_after_all_items_ended(play: Any) -> None:
    source = """
from hero_tracing import flow
@flow
def work(n):
    print("work", n)
    if n % 2: raise ValueError(f"odd {n}")
    return n
@flow
def main():
    try:
        flow.map(work, [0, 1, 2, 3])
    except ValueError as error:
        return str(error)
"""
    executor = play(source)
    first = executor.run()
    assert executor.output == "odd 1" and sorted(first.logs()) == ["work 0", "work 1", "work 2", "work 3"]
    again = executor.run()
    assert executor.output == "odd 1" and again.logs() == []


def test_a_map_of_a_plain_function_remembers_its_items(play: Any) -> None:
    executor = play("""
from hero_tracing import flow
@flow
def main(): return flow.map(lambda n: print("run") or n + 1, [1, 1])
""")
    assert executor.run().logs() == ["run", "run"] and executor.output == [2, 2]
    assert executor.run().logs() == []


def test_equal_calls_in_a_loop_give_their_values_in_order(play: Any) -> None:
    executor = play("""
import itertools
from hero_tracing import flow
counter = itertools.count(1)
@flow
def poll(): return next(counter)
@flow
def main():
    seen = [poll(), poll()]
    flow.pause("wait")
    return seen + [poll()]
""")
    assert executor.run().code == 75
    executor.answer("wait", None)
    assert executor.run().code == 0
    assert executor.output == [1, 2, 1], "a new process counts anew, the remembered ones come in order"


def test_ten_thousand_items_in_a_map(play: Any) -> None:
    executor = play("""
import threading
from hero_tracing import flow
most = 0
@flow
def double(n):
    global most
    most = max(most, threading.active_count())
    return n * 2
@flow
def main():
    total = sum(flow.map(double, list(range(10_000))))
    return [total, most < 50]
""")
    assert executor.run().code == 0 and executor.output == [99_990_000, True]
    again = executor.run()
    assert executor.output == [99_990_000, True] and len(again.replayed()) == 10_000, again.events[-3:]
