"""A replay takes the turns of the first run: the executor is killed after each group, and no committed step runs again."""

from __future__ import annotations

from typing import Any

import pytest
from sample_flows import Sample, play_killed, samples
from sample_flows import play as play_sample

TURNS = (
    "queue_workers", "queue_workers_equal_items", "race_two_workers", "queue_join_cancel", "as_completed_coroutines",
    "as_completed_flows", "wait_first_completed", "wait_first_question", "task_group", "task_group_fails", "semaphore",
    "semaphore_pause", "condition", "lock_and_event", "shielded", "to_thread", "thread_pool_context", "threads_ask",
    "threads_equal_calls", "idle_thread", "open_connection", "map_async", "wait_for_pause", "wait_for_answered",
    "timeout_context", "cancelled_branch", "anext_timeout_poll",
)  # fmt: skip
THREADS = (
    "futures_as_completed", "futures_as_completed_order", "to_thread", "to_thread_as_completed", "thread_pool_context",
    "thread_queue", "threads_ask", "threads_equal_calls", "threads_hand_over",
)  # fmt: skip
SAMPLES = {sample.name: sample for sample in samples()}


@pytest.mark.parametrize("sample", [SAMPLES[name] for name in TURNS if name in SAMPLES], ids=lambda sample: sample.name)
def test_a_kill_after_any_group_repeats_no_committed_step(sample: Sample) -> None:
    assert play_killed(sample) == []


@pytest.mark.parametrize("sample", [SAMPLES[name] for name in THREADS], ids=lambda sample: sample.name)
def test_threads_go_on_in_the_order_of_the_commits_also_where_replies_come_together(sample: Sample) -> None:
    assert play_killed(sample, together=0.003) == []


@pytest.mark.parametrize("sample", [SAMPLES[name] for name in TURNS if name in SAMPLES], ids=lambda sample: sample.name)
def test_a_replay_after_each_commit_repeats_no_committed_step(sample: Sample) -> None:
    assert play_sample(sample, always_replay=True).faults == []


def test_outcomes_that_arrive_together_make_turns_of_their_own_in_the_first_run_too(play: Any) -> None:
    executor = play("""
import asyncio
from hero_tracing import flow
@flow
async def step(n): return n
@flow
async def main():
    tasks, won = [asyncio.create_task(step(n)) for n in range(4)], []
    while tasks:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        won.append(sorted(task.result() for task in done))
        tasks = [task for task in tasks if task not in done]
    return won
""")
    for _ in range(2):
        executor.run()
        assert executor.output == [[0], [1], [2], [3]]


def test_a_set_of_tasks_iterates_in_the_order_of_their_creation(play: Any) -> None:
    executor = play("""
import asyncio
from hero_tracing import flow
@flow
async def main():
    async def nothing(): pass
    tasks = {asyncio.create_task(nothing(), name=str(n)) for n in range(50)}
    order = [int(task.get_name()) for task in tasks]
    await asyncio.gather(*tasks)
    return order == sorted(order)
""")
    executor.run()
    assert executor.output is True


def test_what_nobody_asks_for_holds_the_others_up_for_a_moment_only(play: Any) -> None:
    source = """
import asyncio
from hero_tracing import flow
@flow
async def step(n): return n
@flow
async def main():
    await step({first})
    await asyncio.gather(step(1), step(2))
    return "done"
"""
    executor = play(source.replace("{first}", "0"))
    executor.run()
    executor.start["source"] = source.replace("{first}", "7")  # as code does that is not deterministic
    attempt = executor.run()
    assert attempt.code == 0 and executor.output == "done"
    assert [step["outcome"] for step in executor.commits] == ["0", "1", "2", "7"]
    assert executor.end["diverged"]["name"] == "step"


def test_a_map_in_a_loop_is_finished_in_the_turn_of_its_last_item(play: Any) -> None:
    executor = play("""
import asyncio
from hero_tracing import flow
order = []
@flow
async def item(n):
    await asyncio.sleep(0.02 * n)
    return n
@flow
async def between():
    await asyncio.sleep(0.03)
    return 0
async def all_items():
    await flow.map(item, [0, 1, 2])
    order.append("map")
async def one():
    await between()
    order.append("between")
@flow
async def main():
    await asyncio.gather(all_items(), one())
    return order
""")
    for _ in range(2):
        executor.run()
        assert executor.output == ["between", "map"]
