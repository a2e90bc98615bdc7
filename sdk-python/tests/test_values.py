"""Values for code outside of a step, sleeps, calls of methods, links: remembered, so that a replay sees the same."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from hero_tracing import OptionError, _identity, flow
from hero_tracing._canonical import canonical

REPLAY = pytest.mark.parametrize("always_replay", [False, True], ids=["plain", "always-replay"])
VALUES = """
from hero_tracing import ask_user, flow

@flow
def values(n):
    return [flow.now().isoformat(), flow.uuid(), flow.random()]

@flow
def main():
    first = [flow.now().isoformat(), flow.now().isoformat(), flow.uuid(), flow.uuid(), flow.random(), flow.random()]
    print(first)
    items = flow.map(values, [1, 1, 2])
    ask_user.confirm("Go on?", name="go")
    return {"first": first, "items": items, "utc": str(flow.now().tzinfo), "last": flow.uuid()}
"""
VALUES_ASYNC = """
import asyncio
from hero_tracing import ask_user, flow

@flow
async def values(n):
    return [flow.now().isoformat(), flow.uuid(), flow.random()]

@flow
async def main():
    first = [flow.now().isoformat(), flow.now().isoformat(), flow.uuid(), flow.uuid(), flow.random(), flow.random()]
    print(first)
    items = await asyncio.gather(values(1), values(1), values(2))
    await ask_user.confirm("Go on?", name="go")
    return {"first": first, "items": items, "utc": str(flow.now().tzinfo), "last": flow.uuid()}
"""


@REPLAY
@pytest.mark.parametrize("source", [VALUES, VALUES_ASYNC], ids=["sync", "async"])
def test_values_are_the_same_in_every_attempt(play: Any, source: str, always_replay: bool) -> None:
    executor = play(source, always_replay=always_replay)
    assert executor.run().code == 75
    while not executor.questions:
        assert executor.run().code == 75
    executor.answer("go", True)
    ended = executor.run(until_end=True)
    assert ended.code == 0, executor.error
    assert executor.output["utc"] == "UTC"
    seen = {line for attempt in executor.attempts for line in attempt.logs()}
    assert seen >= {str(executor.output["first"])}
    assert str(executor.attempts[-1].logs()[0]) == str(executor.output["first"])
    assert len({json.dumps(value) for value in executor.output["first"]}) == 6
    uuids = [item[1] for item in executor.output["items"]]
    assert len(set(uuids)) == 3, "equal calls in other branches have values of their own"
    assert [step["name"] for step in executor.commits].count("uuid") == 6
    if not always_replay:
        assert len(executor.attempts) == 2 and len(seen) == 1


def test_a_value_is_committed_before_it_is_returned_and_shown(play: Any) -> None:
    executor = play("from hero_tracing import flow\n@flow\ndef main():\n    return flow.random()")
    attempt = executor.run()
    (step,) = executor.commits
    place = _identity.Counter().place(_identity.ROOT_PLACE, '""', '"random"', "null")
    assert step["place"] == place and step["function_sha256"] == "" and step["parent_place"] == ""
    (span,) = attempt.named("random")
    assert span["kind"] == "other" and span["source_line"] == 4
    (ended,) = [
        event for event in attempt.events if event["type"] == "span_ended" and event["span_id"] == span["span_id"]
    ]
    assert ended["output"] == executor.output == json.loads(step["outcome"])


def test_a_refused_value_is_an_error_at_the_call(play: Any) -> None:
    executor = play("""
from hero_tracing import Refused, flow
@flow
def main():
    try:
        flow.now()
    except Refused as error:
        return error.code
""")
    executor.on_frame = lambda frame: (
        {"t": "refused", "id": 1, "code": "TOO_LARGE", "message": "no"} if frame["id"] == 1 else None
    )
    executor.run()
    assert executor.output == "TOO_LARGE" and [step["kind"] for step in executor.commits] == ["error"]


def test_without_a_play_values_are_just_made() -> None:
    assert abs(flow.now() - datetime.now(timezone.utc)) < timedelta(seconds=5)
    assert 0 <= flow.random() < 1 and len(flow.uuid()) == 36


SLEEPS = """
import time
from hero_tracing import flow

@flow
def nap(seconds):
    began = time.perf_counter()
    flow.sleep(seconds)
    return time.perf_counter() - began

@flow
def main():
    flow.sleep(0.05)
    flow.sleep(0)
    print("short ones are over")
    flow.sleep(3600)
    print("the long one is over")
    flow.sleep_until("2001-01-01T00:00:00Z")
    naps = flow.map(nap, [0.05, 0.01])
    return naps[0] >= 0.05
"""
SLEEPS_ASYNC = """
import asyncio, time
from hero_tracing import flow

@flow
async def nap(seconds):
    began = time.perf_counter()
    await flow.sleep(seconds)
    return time.perf_counter() - began

@flow
async def main():
    await flow.sleep(0.05)
    await flow.sleep(0)
    print("short ones are over")
    await flow.sleep(3600)
    print("the long one is over")
    await flow.sleep_until("2001-01-01T00:00:00Z")
    naps = await asyncio.gather(nap(0.05), nap(0.01))
    return naps[0] >= 0.05
"""


@REPLAY
@pytest.mark.parametrize("source", [SLEEPS, SLEEPS_ASYNC], ids=["sync", "async"])
def test_short_sleeps_stay_and_long_ones_are_timers(play: Any, source: str, always_replay: bool) -> None:
    executor = play(source, always_replay=always_replay)
    assert executor.run().code == 75
    while not executor.questions:
        assert executor.run().code == 75
    (timer,) = executor.questions.values()
    assert (timer["kind"], timer["name"], timer["default"]) == ("timer", "sleep", "null")
    assert 3_590_000 < timer["timeout_ms"] <= 3_600_000
    executor.answer("sleep", None)
    assert executor.run(until_end=True).code == 0, executor.error
    assert executor.output is True
    assert executor.attempts[-1].logs() == ["short ones are over", "the long one is over"]
    sleeps = [step for step in executor.commits if step["name"] == "sleep"]
    assert [step["outcome"] for step in sleeps] == ["null"] * 5, "the short ones are remembered, too"


def test_timers_of_a_fan_out_wait_together(play: Any) -> None:
    executor = play("""
from hero_tracing import flow
@flow
def wait(n):
    flow.sleep(100 + n)
    return n
@flow
def main():
    return flow.map(wait, [1, 2, 3], max_workers=1)
""")
    assert executor.run().code == 75
    assert [round(question["timeout_ms"], -3) for question in executor.questions.values()] == [101000, 102000, 103000]
    executor.timers_end = True
    assert executor.run(until_end=True).code == 0
    assert executor.output == [1, 2, 3] and len(executor.attempts) == 2


def test_a_sleep_that_is_not_awaited_says_so(play: Any) -> None:
    executor = play("from hero_tracing import flow\n@flow\nasync def main():\n    flow.sleep(0.01)")
    executor.run()
    assert executor.error["type"] == "NotAwaited" and "await flow.sleep(0.01)" in executor.error["message"]


@pytest.mark.parametrize("when", ["tomorrow", "2027-01-01T00:00:00", datetime(2027, 1, 1), 3, None])
def test_a_time_without_a_zone_is_refused(when: Any) -> None:
    with pytest.raises(OptionError, match="time zone"):
        flow.sleep_until(when)


@pytest.mark.parametrize("seconds", [-1, float("nan"), "3", True, None])
def test_a_sleep_is_a_number(seconds: Any) -> None:
    with pytest.raises(OptionError, match=r"flow\.sleep"):
        flow.sleep(seconds)


CALLS = """
from hero_tracing import CallFailed, ask_user, flow

@flow
def main():
    found = flow.call("flow_library_search", query="tea", limit=2)
    try:
        flow.call("play_delete", play_sid="p")
        code = ""
    except CallFailed as error:
        code = [error.code, str(error)]
    ask_user.confirm("Go on?", name="go")
    return [found, code, flow.call("flow_library_search", query="tea", limit=2)]
"""
CALLS_ASYNC = (
    CALLS.replace("def main", "async def main")
    .replace("flow.call", "await flow.call")
    .replace("ask_user.c", "await ask_user.c")
)


@REPLAY
@pytest.mark.parametrize("source", [CALLS, CALLS_ASYNC], ids=["sync", "async"])
def test_a_call_of_a_method_is_remembered(play: Any, source: str, always_replay: bool) -> None:
    executor = play(source, always_replay=always_replay)
    asked: list[dict[str, Any]] = []
    executor.methods["flow_library_search"] = lambda **params: asked.append(params) or {"hits": len(asked), "x": 1.0}
    while not executor.questions:
        assert executor.run().code == 75
    executor.answer("go", True)
    assert executor.run(until_end=True).code == 0, executor.error
    assert executor.output == [{"hits": 1, "x": 1.0}, ["FORBIDDEN", "This play may not."], {"hits": 2, "x": 1.0}]
    assert asked == [{"query": "tea", "limit": 2}] * 2
    kinds = [(step["name"], step["kind"]) for step in executor.commits]
    assert kinds == [
        ("call:flow_library_search", "value"),
        ("call:play_delete", "error"),
        ("call:flow_library_search", "value"),
    ]
    (span, *_) = [span for attempt in executor.attempts for span in attempt.named("flow_library_search")]
    assert span["kind"] == "rpc"


LINKS = """
from hero_tracing import flow

@flow
def ask(n):
    link = flow.webhook("paid")
    print(link)
    return [link, flow.pause("paid"), flow.webhook("paid")]

@flow
def main():
    flow.webhook("paid")
    first = flow.pause("paid")
    return [first, flow.map(ask, [1, 1])]
"""
LINKS_ASYNC = (
    LINKS.replace("def ", "async def ")
    .replace("flow.webhook", "await flow.webhook")
    .replace("flow.pause", "await flow.pause")
    .replace("flow.map", "await flow.map")
)


@REPLAY
@pytest.mark.parametrize("source", [LINKS, LINKS_ASYNC], ids=["sync", "async"])
def test_a_link_is_that_of_the_next_pause_of_its_branch(play: Any, source: str, always_replay: bool) -> None:
    executor = play(source, always_replay=always_replay)
    given: list[str] = []

    def hook(play_sid: str, resume_id: str, **_: str) -> dict[str, str]:
        assert play_sid == "play-1"
        given.append(resume_id)
        return {"token": resume_id, "path": f"/hooks/resume/{resume_id}"}

    executor.methods["play_hook"] = hook
    asked: list[str] = []
    for _ in range(2):
        while not executor.questions:
            assert executor.run().code == 75
        if len(asked) == 1:
            while len(executor.questions) < 2:
                assert executor.run().code == 75
        for place in list(executor.questions):
            asked.append(_identity.resume_id("play-1", place))
            executor.answer_at(place, {"n": len(asked)})
    assert executor.run(until_end=True).code == 0, executor.error
    first, items = executor.output
    assert first == {"n": 1} and sorted(item[1]["n"] for item in items) == [2, 3]
    assert set(asked) <= set(given) and given[0] == asked[0]
    for link, answer, after in items:
        assert link == f"/hooks/resume/{asked[answer['n'] - 1]}" and after != link


def test_a_link_is_asked_for_with_its_expiry(play: Any) -> None:
    executor = play(
        """
from hero_tracing import OptionError, flow

@flow
def main():
    try:
        flow.webhook("paid", expires=0)
    except OptionError:
        return [flow.webhook("paid", expires=1.5), flow.webhook("paid")]
"""
    )
    asked: list[dict[str, Any]] = []
    executor.methods["play_hook"] = lambda **params: asked.append(params) or {"path": "/p"}
    assert executor.run(until_end=True).code == 0, executor.error
    assert [params.get("expires_in_ms") for params in asked] == [1500, None]


@pytest.mark.parametrize(
    "name, args", [("call:flow_library_search", {"query": "ä", "limit": 2}), ("sleep", None), ("webhook:paid", None)]
)
def test_the_coming_place_is_that_of_the_next_call(name: str, args: Any) -> None:
    counter = _identity.Counter()
    for _ in range(3):
        coming = counter.coming(_identity.ROOT_PLACE, '""', canonical(name), canonical(args))
        assert coming == counter.place(_identity.ROOT_PLACE, '""', canonical(name), canonical(args))


def test_what_is_pipelined_is_committed_before_a_call_leaves(play: Any) -> None:
    executor = play(
        """
from hero_tracing import flow
@flow
def step(n): return n
@flow(durability="pipelined")
def main():
    for n in range(50):
        step(n)
    flow.call("flow_library_search")
    step(50)
    flow.flush()
    print("flushed")
""",
        options={"durability": "pipelined"},
    )
    committed: list[int] = []
    executor.methods["flow_library_search"] = lambda: committed.append(len(executor.commits))
    executor.run()
    assert committed == [50] and executor.error is None


def test_the_terminal_sleeps_and_answers_like_the_runtime(tmp_path: Path) -> None:
    file = tmp_path / "naps.py"
    file.write_text("""
import time
from hero_tracing import CallFailed, StepTimeout, flow

tries = []

@flow(retries=2, retry_delay=0.01)
def flaky():
    tries.append(1)
    if len(tries) < 3:
        raise OSError("not yet")
    return len(tries)

@flow(timeout=0.1)
def slow():
    time.sleep(1.4)

@flow
def main():
    began = time.perf_counter()
    flow.sleep(2.1)
    flow.sleep_until(flow.now())
    slept = time.perf_counter() - began
    try:
        slow()
    except StepTimeout:
        late = True
    try:
        flow.call("flow_library_search", query="x")
    except CallFailed as error:
        said = str(error)
    return [slept > 2, late, flaky(), said, flow.pause("after the timeout", timeout=0, default=7)]

print(main())
""")
    source = Path(__file__).parents[1] / "src"
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(file)], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
        env={"PYTHONPATH": str(source), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("[True, True, 3, ") and ran.stdout.rstrip().endswith("7]")
    assert "outside the runtime" in ran.stdout and "✓ sleep" in ran.stderr
