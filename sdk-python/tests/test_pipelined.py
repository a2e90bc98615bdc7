"""Pipelined commits: in order, in the background, and awaited before anything leaves the play."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

HEAD = "import asyncio, time\nfrom hero_tracing import flow\n"
PIPELINED = {"durability": "pipelined"}


@pytest.mark.parametrize(("define", "awaits"), [("def", ""), ("async def", "await ")])
def test_commits_go_on_in_order_and_are_done_before_a_pause_and_the_end(define: str, awaits: str, play: Any) -> None:
    executor = play(
        HEAD
        + f"""
@flow
{define} step(n): return n
@flow
{define} main():
    values = [{awaits}step(n) for n in range(300)]
    {awaits}flow.flush()
    values += [{awaits}step(n) for n in range(300, 600)]
    {awaits}flow.pause("stop")
    return sum(values) + {awaits}step(600)
""",
        options=PIPELINED,
    )
    attempt = executor.run()
    assert attempt.code == 75
    assert [json.loads(step["outcome"]) for step in executor.commits] == list(range(600))
    commits = [frame for frame in attempt.frames if frame["t"] == "commit"]
    assert len(commits) < 600 and attempt.frames[-1]["t"] == "pause"
    executor.answer("stop", None)
    assert executor.run().code == 0 and executor.output == sum(range(601))


@pytest.mark.parametrize(
    ("define", "awaits", "block"),
    [("def", "", "with"), ("async def", "await ", "with"), ("async def", "await ", "async with")],
)
def test_commits_are_done_before_an_rpc_span_begins(define: str, awaits: str, block: str, play: Any) -> None:
    executor = play(
        HEAD
        + f"""
from hero_tracing._node import current
@flow
{define} step(n): return n
def under_way(): return current.get().session.commits._steps
@flow
{define} main():
    for n in range(500): {awaits}step(n)
    {block} flow.span("other"): before = under_way()
    print("still under way")
    {block} flow.span("call", kind="rpc"): inside = under_way()
    return [before, inside]
""",
        options=PIPELINED,
    )
    said = threading.Event()
    executor.on_event = lambda event: said.set() if event["type"] == "log" else None
    executor.on_frame = lambda frame: None if frame["t"] != "commit" or said.wait(20) else b""
    executor.run()
    assert executor.error is None and executor.output == [500, 0]


def test_an_outcome_that_is_refused_fails_the_play_where_it_waits(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def step(n): return n
@flow
def main():
    try:
        step(1)
        flow.flush()
    except Exception:
        return "caught"
""",
        options=PIPELINED,
    )
    refused = {"t": "refused", "code": "REFUSED", "message": "no room"}
    executor.on_frame = lambda frame: {**refused, "id": frame["id"]} if frame["t"] == "commit" else None
    executor.run()
    assert executor.error["type"] == "Refused" and "no room" in executor.error["message"]


def test_a_step_waits_where_too_much_is_under_way(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def step(n): return "x" * 1_000_000
@flow
def main(): return sum(len(step(n)) for n in range(40))
""",
        options=PIPELINED,
    )
    assert executor.run().code == 0 and executor.output == 40_000_000
    assert len(executor.commits) == 40
