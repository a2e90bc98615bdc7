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
    pauses = [frame for frame in attempt.frames if frame["t"] == "pause"]
    assert [len(frame["questions"]) for frame in pauses] == [3, 1], (
        "the rest is asked again when it is all that is left"
    )
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


def test_tasks_of_tasks_and_task_groups_have_places_of_their_own(play: Any) -> None:
    executor = play("""
import asyncio
from hero_tracing import flow
@flow
async def leaf(): return 1
async def helper():
    return await asyncio.gather(leaf(), leaf())
@flow
async def main():
    tasks = [asyncio.create_task(helper()) for _ in range(2)]
    return [await task for task in tasks] + [await asyncio.wait_for(leaf(), 5)]
""")
    executor.run()
    assert executor.output == [[1, 1], [1, 1], 1] and len(executor.commits) == 5
    assert executor.run().frames[0]["t"] == "end"


def test_a_race_goes_on_with_what_is_ready(play: Any) -> None:
    executor = play("""
import asyncio
from hero_tracing import flow
@flow
async def quick(): return "quick"
@flow
async def asks(): return await flow.pause("q")
@flow
async def main():
    tasks = [asyncio.create_task(quick()), asyncio.create_task(asks())]
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left: task.cancel()
    return [task.result() for task in done]
""")
    for _ in range(2):
        assert executor.run().code == 0
        assert executor.output == ["quick"]


def test_a_cancelled_pause_is_not_asked(play: Any) -> None:
    executor = play("""
import asyncio
from hero_tracing import flow
@flow
async def asks(name): return await flow.pause(name)
@flow
async def busy():
    await asyncio.sleep(0.05)
    return 1
@flow
async def main():
    task = asyncio.create_task(asks("a"))
    await busy()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    return await asks("b")
""")
    assert executor.run().code == 75
    assert [question["name"] for question in executor.questions.values()] == ["b"]
    executor.answer("b", 5)
    assert executor.run().code == 0 and executor.output == 5


def test_a_cancelled_map_cancels_its_items(play: Any) -> None:
    executor = play("""
import asyncio
from hero_tracing import flow
@flow
async def slow(n):
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("cancelled", n)
        raise
@flow
async def main():
    try:
        await asyncio.wait_for(flow.map(slow, [1, 2, 3], max_workers=2), 0.05)
    except asyncio.TimeoutError:
        return "timeout"
""")
    attempt = executor.run()
    assert executor.output == "timeout" and sorted(attempt.logs()) == ["cancelled 1", "cancelled 2"]
    assert executor.commits == [], "a cancellation is never remembered"


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


def test_a_thread_without_context_is_told_how_to_carry_it(play: Any) -> None:
    executor = play("""
import contextvars, threading
from hero_tracing import flow
told = []
@flow
def step(n): return n
def run(n):
    try:
        told.append(step(n))
    except Exception as error:
        told.append(f"{type(error).__name__}: {error}")
@flow
def main():
    for target, args in ((run, (1,)), (contextvars.copy_context().run, (run, 2))):
        thread = threading.Thread(target=target, args=args)
        thread.start()
        thread.join()
    return told
""")
    executor.run()
    assert executor.output[0].startswith("NoContext:") and "contextvars.copy_context().run" in executor.output[0]
    assert executor.output[1] == 2


def test_branches_that_wait_for_a_waiting_one_are_suspended_with_it(play: Any) -> None:
    executor = play("""
import asyncio
from hero_tracing import flow
@flow
async def step(n): return n
@flow
async def limited(n):
    async with limit:
        return await step(n) + await flow.pause(f"q{n}")
async def worker(queue, results):
    while True:
        results.append(await limited(await queue.get()))
        queue.task_done()
@flow
async def main():
    global limit
    limit = asyncio.Semaphore(2)
    first = await asyncio.gather(*(limited(n) for n in range(4)))
    queue, results = asyncio.Queue(), []
    workers = [asyncio.create_task(worker(queue, results)) for _ in range(2)]
    queue.put_nowait(10)
    await queue.join()
    for task in workers: task.cancel()
    return first + results
""")
    asked = []
    while executor.run().code == 75:
        asked.append(sorted(question["name"] for question in executor.questions.values()))
        assert len(asked) < 9
        executor.answer(asked[-1][0], 100)
    assert executor.output == [100, 101, 102, 103, 110]
    assert asked[0] == ["q0", "q1"] and asked[-1] == ["q10"]


def test_a_branch_that_works_in_a_thread_or_waits_for_time_holds_the_suspension_up(play: Any) -> None:
    for work in ("asyncio.to_thread(time.sleep, 0.1)", "asyncio.sleep(0.1)"):
        executor = play(f"""
import asyncio, time
from hero_tracing import flow
@flow
async def asks(): return await flow.pause("q")
@flow
async def works():
    await {work}
    print("worked")
    return 1
@flow
async def main(): return await asyncio.gather(asks(), works())
""")
        assert executor.run().logs() == ["worked"] and len(executor.commits) == 1
