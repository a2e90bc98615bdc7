"""RecursionError at any depth leaves no node open: the play is suspended, and ends."""

from __future__ import annotations

from typing import Any

import pytest

SOURCE = """
import sys
from hero_tracing import flow

@flow
def leaf(n: int): return n

@flow(retries=1, retry_delay=0)
def guarded(n: int): return n

def block(n: int):
    with flow.step("block"): return n

CALLS = {"leaf": leaf, "guarded": guarded, "block": block, "value": lambda n: flow.uuid(), "map": lambda n: flow.map(leaf, [n])}

def descend(left: int, call, n: int):
    if left: return descend(left - 1, call, n)
    return call(n)

@flow
def main(call: str, start: int, stop: int):
    failed = 0
    for depth in range(start, stop):
        try: descend(depth, CALLS[call], depth)
        except RecursionError: failed += 1
    flow.pause("p")
    return failed
"""


@pytest.mark.parametrize("call", ["leaf", "guarded", "block", "value", "map"])
def test_a_call_at_any_depth_leaves_nothing_open(play: Any, call: str) -> None:
    executor = play(SOURCE, input={"call": call, "start": 700, "stop": 1000})
    assert executor.run().code == 75
    executor.answer("p", None)
    executor.run()
    assert executor.error is None
    assert 0 < executor.output < 300


def test_flows_that_call_each_other_without_end_are_caught_and_the_play_goes_on(play: Any) -> None:
    executor = play(
        """
from hero_tracing import flow
@flow
def down(n: int): return down(n + 1)
@flow
def main():
    try: down(0)
    except RecursionError: return flow.pause("p")
"""
    )
    assert executor.run().code == 75
    executor.answer("p", "done")
    executor.run()
    assert executor.output == "done"
