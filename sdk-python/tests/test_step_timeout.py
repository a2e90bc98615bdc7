"""Time limits of steps where no thread can be started."""

from __future__ import annotations

from typing import Any

import pytest

from hero_tracing import flow

SOURCE = """
import asyncio, threading, time
from hero_tracing import StepTimeout, flow

start = threading.Thread.start
def refuse(thread):
    if thread.name.startswith("hero-") and not thread.name.startswith("hero-telemetry"):
        raise RuntimeError("can't start new thread")
    start(thread)

@flow(timeout=0.05)
{define} slow(n: int):
    {sleep}(0.2)

@flow(timeout=60)
{define} quick(n: int): return n

@flow
{define} main():
    {before}
    threading.Thread.start = refuse
    seen = []
    for n in range(2):
        try: {await_}slow(n)
        except StepTimeout: seen.append(n)
    threading.Thread.start = start
    return seen
"""
ASYNC = {"define": "async def", "await_": "await ", "sleep": "await asyncio.sleep"}
SYNC = {"define": "def", "await_": "", "sleep": "time.sleep"}


@pytest.mark.parametrize("form", [SYNC, ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize("before", ["pass", "{await_}quick(1)"], ids=["before the first limit", "after it"])
def test_a_step_timeout_returns_at_the_limit_of_threads(play: Any, form: dict[str, str], before: str) -> None:
    executor = play(SOURCE.format(**form, before=before.format(**form)))
    executor.run()
    assert executor.error is None and executor.output == [0, 1]


def test_a_strike_that_fails_leaves_the_other_limits_their_clock(play: Any) -> None:
    executor = play(
        """
import asyncio
from hero_tracing import StepTimeout, _step_timeout, flow

strike, failed, ended = _step_timeout.Limit.strike, [], []
def fail_once(limit, version):
    if not failed:
        failed.append("failed")
        raise MemoryError("no memory for this one")
    strike(limit, version)
_step_timeout.Limit.strike = fail_once

@flow(timeout=0.05)
async def slow(n: int):
    await asyncio.sleep(0.5)
    ended.append(f"{n} ended")

@flow
async def main():
    seen = []
    for n in range(2):
        try: await slow(n)
        except StepTimeout: seen.append(n)
    return seen + failed + ended
"""
    )
    executor.run()
    # The first body was not stopped, and is late all the same; the clock stops the second one.
    assert executor.error is None and executor.output == [0, 1, "failed", "0 ended"]


def test_a_fork_of_a_process_that_has_limited_a_step_has_a_clock_of_its_own(play: Any) -> None:
    @flow(timeout=60)
    def limited() -> None: ...

    limited()  # the clock's thread runs in this process from now on, and the play is a fork of it
    executor = play(
        """
import asyncio
from hero_tracing import StepTimeout, flow

ended = []
@flow(timeout=0.05)
async def slow():
    await asyncio.sleep(20)
    ended.append("slow")

@flow
async def main():
    try: await slow()
    except StepTimeout: return ["struck", *ended]
"""
    )
    executor.run()
    assert executor.error is None and executor.output == ["struck"]
