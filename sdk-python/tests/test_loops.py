"""Event loops: tasks, races, cancellation, threads, and operations that are not awaited."""

from __future__ import annotations

from typing import Any

HEAD = "from hero_tracing import flow, ask_user\n"


def test_an_operation_without_await_says_so(play: Any) -> None:
    for line, what in (
        ("flow.pause('q')", "flow.pause('q')"),
        ("x = ask_user.text('Name?')", "ask_user.text('Name?')"),
        ("flow.map(step, [1])", "flow.map(step, …)"),
        ("step(1)", "step(…)"),
        ("return step(1) + 1", "step(…)"),
        ("return flow.pause('q')['a']", "flow.pause('q')"),
        ("if flow.pause('q'): pass", "flow.pause('q')"),
        ("flow.pause('q').name", "flow.pause('q')"),
    ):
        executor = play(HEAD + f"@flow\nasync def step(n): return n\n@flow\nasync def main():\n    {line}")
        attempt = executor.run()
        assert executor.error["type"] == "NotAwaited", (line, executor.error, attempt.logs("stderr"))
        assert f"write `await {what}`" in executor.error["message"] and executor.questions == {}
    returned = play(HEAD + "@flow\nasync def main(): return flow.pause('q')")
    returned.run()
    assert returned.error["type"] in ("NotAwaited", "ResultNotJson")


def test_a_sync_flow_in_an_event_loop_cannot_block_it(play: Any) -> None:
    executor = play(HEAD + "@flow\ndef ask(): return flow.pause('q')\n@flow\nasync def main(): return ask()")
    executor.run()
    assert executor.error["type"] == "OptionError" and "asyncio.to_thread" in executor.error["message"]


def test_a_sync_flow_may_run_a_loop_of_its_own(play: Any) -> None:
    executor = play(
        HEAD
        + """
import asyncio
@flow
async def leaf(n): return n + await flow.pause("q")
@flow
def main(): return asyncio.run(both())
async def both(): return await asyncio.gather(leaf(1), leaf(2))
"""
    )
    assert executor.run().code == 75
    for _ in range(2):
        executor.answer("q", 10)
    assert executor.run().code == 0 and executor.output == [11, 12]


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
both = asyncio.Semaphore(0)
@flow
async def slow(n):
    both.release()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("cancelled", n)
        raise
@flow
async def main():
    items = asyncio.ensure_future(flow.map(slow, [1, 2, 3], max_workers=2))
    for _ in range(2): await both.acquire()
    items.cancel()
    try:
        await items
    except asyncio.CancelledError:
        return "cancelled"
""")
    attempt = executor.run()
    assert executor.output == "cancelled" and sorted(attempt.logs()) == ["cancelled 1", "cancelled 2"]
    assert executor.commits == [], "a cancellation is never remembered"


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


def test_a_call_is_counted_where_it_is_written_not_where_its_task_first_runs(play: Any) -> None:
    executor = play("""
import asyncio
from hero_tracing import flow
@flow
async def step(n): return n
@flow
async def main():
    first, second = step(1), step(1)
    late = asyncio.create_task(first)
    await asyncio.create_task(second)
    return [await late, await flow.map(step, [1])]
""")
    executor.run()
    sequential = play("""
from hero_tracing import flow
@flow
async def step(n): return n
@flow
async def main():
    return [await step(1), await step(1), await flow.map(step, [1])]
""")
    sequential.run()
    assert {step["place"] for step in executor.commits} == {step["place"] for step in sequential.commits}
