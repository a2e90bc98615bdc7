"""What a play tells of itself on the telemetry and output lanes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

HEAD = "from hero_tracing import flow, ask_user\n"


def test_prints_are_logs_of_the_span_that_wrote_them(play: Any) -> None:
    executor = play(
        HEAD
        + """
import sys
@flow
def step(n):
    print("a", n, end="")
    sys.stderr.write("err\\n")
    print(" b\\nc")
    sys.stdout.buffer.write("ü\\n".encode())
@flow
def main():
    step(1)
    print("begun", end="")
    flow.pause("q")
"""
    )
    attempt = executor.run()
    (step,) = attempt.named("step")
    logs = [
        (event["text"], event["stream"], event["span_id"] == step["span_id"])
        for event in attempt.events
        if event["type"] == "log"
    ]
    assert logs == [
        ("err", "stderr", True),
        ("a 1 b", "stdout", True),
        ("c", "stdout", True),
        ("ü", "stdout", True),
        ("begun", "stdout", False),
    ]


def test_floods_of_output_are_cut_with_a_count(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def main():
    print("x" * (5 * 1024 * 1024))
    for _ in range(6):
        print("y" * (2 * 1024 * 1024))
    for n in range(3000):
        print("line of output number", n, "z" * 4000)
"""
    )
    attempt = executor.run()
    logs = attempt.logs()
    assert attempt.code == 0 and len(max(attempt.raw, key=len)) < 512 * 1024
    assert logs[0] == "x" * 65536 + "… (5177344 more characters)"
    assert sum(len(text) for text in logs) < 9 * 1024 * 1024
    assert logs[-1].startswith("(output of this play beyond 8388608 bytes was cut:")


def test_odd_tags_and_texts_are_shown_and_end_nothing(play: Any) -> None:
    executor = play(
        HEAD
        + """
deep = leaf = []
for _ in range(10_000):
    leaf.append([])
    leaf = leaf[0]
class Bad:
    def __repr__(self): raise ValueError
@flow
def main():
    span = flow.current_span
    span.tag("nul", "a\\x00b")
    span.tag("surrogate", "\\ud800")
    span.tag("nan", [float("nan"), float("-inf"), 2**60, {1: {2}}, Bad(), b"x"])
    span.tag("deep", deep)
    span.tag("big", "x" * 10_000_000)
    span.log("nul \\x00 \\udfff")
    span.log("y" * 1_000_000)
    print("print \\x00 \\ud800")
    with flow.step("st\\u00e9p", nan=float("nan"), deep=deep): pass
    return "a\\x00b"
"""
    )
    attempt = executor.run()
    assert attempt.code == 0 and executor.output == "a\x00b", executor.error
    tags = {
        name: value
        for event in attempt.events
        if event["type"] == "span_tagged"
        for name, value in event["tags"].items()
    }
    assert tags["nul"] == "a\ufffdb" and tags["surrogate"] == "\ufffd"
    assert tags["nan"] == ["nan", "-inf", "1152921504606846976", {"1": "{2}"}, "<Bad: its repr failed>", "b'x'"]
    assert json.dumps(tags["deep"]).count("[") == 63
    assert tags["big"].startswith("(left out")
    assert [event["text"][:5] for event in attempt.events if event["type"] == "log"] == ["nul \ufffd", "yyyyy", "print"]
    assert b"\\u0000" not in b"".join(attempt.raw) and b"NaN" not in b"".join(attempt.raw)


def test_a_full_telemetry_lane_never_stops_the_work(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def step(n): return n
@flow
def main():
    for n in range(300):
        flow.current_span.log("z" * 60_000)
        step(n)
"""
    )

    go_on = threading.Event()
    reads = executor._read_events

    def stalled(sock: Any, attempt: Any) -> None:
        go_on.wait()  # nothing is read before the last step is committed: a lane that stopped the work would never end
        reads(sock, attempt)

    executor._read_events = stalled
    executor.on_frame = lambda frame: go_on.set() if frame["t"] == "commit" and frame["id"] == 300 else None
    attempt = executor.run()
    assert attempt.code == 0
    dropped = sum(event["count"] for event in attempt.events if event["type"] == "dropped")
    kept = [event for event in attempt.events if event["type"] != "dropped"]
    assert dropped > 0 and dropped + len(kept) == 300 * 3 + 2, "I10: what is not there is counted"
    assert attempt.frames[-1]["emitted"] == len(attempt.events)


def test_spans_have_lines_kinds_costs_and_durations(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def step(n):
    flow.current_span.cost(0.25, input_tokens=10)
    flow.current_span.cost(0.5, input_tokens=5, model="m")
    return n
@flow
def main():
    with flow.step("block", tone="plain") as block:
        block.tag("late", 1)
        step(1)
    with flow.span("call", kind="rpc"): pass
"""
    )
    attempt = executor.run()
    started = {event["name"]: event for event in attempt.events if event["type"] == "span_started"}
    ended = {event["span_id"]: event for event in attempt.events if event["type"] == "span_ended"}
    assert [(name, event["kind"], event["source_line"]) for name, event in started.items()] == [
        ("main", "flow_root", 9), ("block", "step", 10), ("step", "step", 4), ("call", "rpc", 13),
    ]  # fmt: skip
    assert all(event["source_file"] == "flow.py" for event in started.values())
    assert started["step"]["parent_id"] == started["block"]["span_id"] and started["main"]["parent_id"] is None
    step = ended[started["step"]["span_id"]]
    assert step["cost_usd"] == 0.75 and step["usage"] == {"input_tokens": 15, "model": "m"}
    assert step["output"] == 1 and step["step_key"] == executor.commits[0]["step_key"] and step["duration_ms"] >= 0
    assert [frame["cost_usd"] for frame in attempt.frames] == [0.75, 0]


ODD = """
import decimal
class Odd:
    def __repr__(self): raise ValueError("no repr")
@flow
def step(n):
    span = flow.current_span
    span.tag("nul \\x00 \\ud800", ["\\x00", "\\udfff", float("nan"), float("-inf"), 2**80, 10**5000, {1: 2}, {"a"}, Odd(), b"x"])
    span.tag("self", Odd)
    span.log("nul \\x00 half \\ud800 " + "\\x01" * 200_000)
    span.cost(decimal.Decimal("0.5"), tokens=float("nan"), what="\\ud800")
    print("half \\udc80 nul \\x00")
    print("\\x01" * 70_000)
    with flow.step("block", tag="\\ud800", other=float("inf")) as block:
        block.tag("x" * 300_000, "y" * 300_000)
        for wrong in (float("nan"), float("inf"), -1, "1", True, None):
            try: block.cost(wrong)
            except Exception as error: block.log(type(error).__name__)
    return {"\\x00": "\\x00" * 50_000}
@flow
def main():
    step(1)
    raise ValueError("\\x00 \\ud800 " + "\\x01" * 300_000)
"""


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value or "-"
    elif isinstance(value, dict):
        yield from texts_in([*value, *value.values()])
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def test_odd_texts_and_numbers_become_lines_that_everybody_can_read(play: Any) -> None:
    executor = play(HEAD + ODD)
    attempt = executor.run()
    assert attempt.code == 0 and executor.error["type"] == "ValueError"
    assert [event["text"] for event in attempt.events if event.get("text") == "OptionError"] == ["OptionError"] * 6
    assert all(len(line) <= 512 * 1024 for line in attempt.raw)
    assert not [event for event in attempt.events if event["type"] == "dropped"]
    told = [json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")) for line in attempt.raw]
    for text in texts_in([*told, executor.end]):
        assert "\x00" not in text and text.encode()
    assert {event["cost_usd"] for event in told if "cost_usd" in event} == {0.5}
