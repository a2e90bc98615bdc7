"""How an attempt ends, and what it says of errors, output and spans on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

HEAD = "from hero_tracing import flow, ask_user\n"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(1)", 1),
        ("import sys; sys.exit(75)", 75),
        ("import sys; sys.exit('why')", 1),
        ("import os; os._exit(4)", 4),
        ("raise KeyboardInterrupt", 130),
    ],
)
def test_a_process_that_ends_itself_commits_no_end(play: Any, body: str, code: int) -> None:
    for source in (f"@flow\ndef main():\n    {body}", f"@flow\nasync def main():\n    {body}", body):
        executor = play(HEAD + source)
        attempt = executor.run()
        assert attempt.code == code and executor.end is None and attempt.frames == []


def test_the_executors_death_ends_the_process(play: Any) -> None:
    for source in (
        "@flow\ndef step(): ...\n@flow\ndef main():\n    try: step()\n    finally: print('unwound')",
        "@flow\nasync def step(): ...\n@flow\nasync def main(): await step()",
        "@flow\ndef step(n): ...\n@flow\ndef main(): flow.map(step, [1, 2, 3])",
        "@flow\ndef main(): flow.pause('q')",
    ):
        executor = play(HEAD + source)
        executor.on_frame = lambda frame: b""
        attempt = executor.run()
        assert attempt.code == 71 and attempt.logs() == []


@pytest.mark.parametrize("garbage", [b"nonsense\n", b"[1]\n", b'{"id":1}\n', b"\xff\xfe\n", b'{"t":"done"\n'])
def test_garbage_from_the_executor_ends_the_process(play: Any, garbage: bytes, capfd: Any) -> None:
    executor = play(HEAD + "@flow\ndef step(): ...\n@flow\ndef main(): step()")
    executor.on_frame = lambda frame: garbage
    assert executor.run().code == 71
    assert "no frame" in capfd.readouterr().err


def test_a_reply_in_pieces_and_replies_in_one_piece_are_read(play: Any) -> None:
    import time

    executor = play(HEAD + "@flow\ndef step(n): return n\n@flow\ndef main(): return flow.map(step, [1, 2, 3, 4])")
    held: list[dict[str, Any]] = []

    def together(frame: dict[str, Any]) -> Any:
        if frame["t"] != "commit":
            return None
        held.append(executor._commit(frame))
        if len(held) < 4:
            return b" "  # no whole line yet
        time.sleep(0.01)
        return b"".join(json.dumps(reply).encode() + b"\n" for reply in reversed(held))

    executor.on_frame = together
    assert executor.run().code == 0 and executor.output == [1, 2, 3, 4]


def test_an_error_at_the_root_names_its_innermost_span_and_the_users_lines(play: Any) -> None:
    source = (
        HEAD
        + """
@flow
def step():
    with flow.step("inner"):
        raise LookupError("lost")
@flow
def main():
    step()
"""
    )
    executor = play(source)
    attempt = executor.run()
    assert attempt.code == 0 and executor.end["status"] == "failed"
    assert executor.error["type"] == "LookupError" and executor.error["message"] == "lost"
    (inner,) = attempt.named("inner")
    assert executor.error["span_id"] == inner["span_id"]
    assert 'raise LookupError("lost")' in executor.error["traceback"]
    assert 'File "flow.py", line 6, in step' in executor.error["traceback"]
    assert "hero_tracing" not in executor.error["traceback"]
    again = executor.run()
    (step,) = attempt.named("step")
    assert executor.error["span_id"] == inner["span_id"] and again.replayed() == [step["span_id"]]


def test_flow_failed_has_no_traceback(play: Any) -> None:
    executor = play(HEAD + "@flow\ndef main(): raise flow.Failed('no source', n=1)")
    executor.run()
    assert executor.error["type"] == "Failed" and executor.error["message"] == "no source"
    assert executor.error["traceback"] == ""


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("def f(:", "SyntaxError", "invalid syntax"),
        ("raise ValueError('at import')", "ValueError", "at import"),
        ("def main(): ...", "OptionError", "has no flow 'main'"),
        ("from hero_tracing import flow\n@flow(retries=-1)\ndef main(): ...", "OptionError", "retries is a whole number"),
        ("from hero_tracing import flow\n@flow\ndef main(a): ...", "TypeError", "missing"),
        (
            "from hero_tracing import flow\n@flow\ndef main(): main.x\ndef f(): f()\nmain = flow(lambda: f())",
            "RecursionError",
            "recursion",
        ),
    ],
)
def test_a_source_that_cannot_start_is_a_failed_play(play: Any, source: str, kind: str, text: str) -> None:
    executor = play(source)
    attempt = executor.run()
    assert attempt.code == 0 and executor.error["type"] == kind and text in executor.error["message"]
    assert attempt.events[0]["kind"] == "flow_root" and attempt.events[-1]["status"] == "failed"
    assert executor.error["span_id"] == attempt.events[0]["span_id"]


def test_the_failed_play_keeps_the_last_output_of_a_step(play: Any) -> None:
    executor = play(HEAD + "@flow\ndef step(n): return n\n@flow\ndef main(): step(1); step(2); 1 / 0")
    executor.run()
    assert executor.output == 2 and executor.error["type"] == "ZeroDivisionError"
    executor.run()
    assert executor.output == 2


def test_what_stands_under_the_main_guard_is_not_run(play: Any) -> None:
    executor = play(HEAD + "@flow\ndef main(): return __name__\nif __name__ == '__main__': raise SystemExit(9)")
    assert executor.run().code == 0 and executor.output == "__play__"


def test_inputs_that_are_left_out_take_their_declared_defaults(play: Any) -> None:
    executor = play(
        HEAD
        + "@flow(inputs={'a': {'type': 'integer', 'default': 4}, 'b': {'type': 'string', 'required': False}, 'c': int})\n"
        "def main(a, b, c=7): return [a, b, c]"
    )
    executor.run()
    assert executor.output == [4, None, 7]


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
import time
@flow
def step(n): return n
@flow
def main():
    t = time.monotonic()
    for n in range(300):
        flow.current_span.log("z" * 60_000)
        step(n)
    return time.monotonic() - t
"""
    )
    import threading

    go_on = threading.Event()
    reads = executor._read_events

    def stalled(sock: Any, attempt: Any) -> None:
        go_on.wait()
        reads(sock, attempt)

    executor._read_events = stalled
    executor.on_frame = lambda frame: go_on.set() if frame["t"] == "commit" and frame["id"] == 300 else None
    attempt = executor.run()
    assert attempt.code == 0 and executor.output < 5
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


def test_a_fork_of_the_play_cannot_speak_for_it(play: Any) -> None:
    executor = play(
        HEAD
        + """
import os
@flow
def step(n): return n
@flow
def main():
    step(0)
    pid = os.fork()
    if pid == 0:
        try: step(1)
        except Exception as error: os._exit(7 if type(error).__name__ == "Disconnected" else 8)
        os._exit(9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
    )
    assert executor.run().code == 0 and executor.output == 7


def test_ask_user_asks_with_schemas_that_constrain(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def main():
    return flow.map(lambda f: [
        lambda: ask_user.text("Your name?", max_length=5),
        lambda: ask_user.number("Age?", minimum=0, maximum=99, integer=True),
        lambda: ask_user.choice("Which?", options=["a", {"value": 2, "label": "two"}]),
        lambda: ask_user.multi_choice("Some?", ["x", "y"], at_least=1, name="some"),
        lambda: ask_user.confirm("Sure?", timeout=1.5, default=False),
    ][f](), range(5))
"""
    )
    executor.run()
    asked = {question["name"]: question for question in executor.questions.values()}
    assert {name: question["schema"] for name, question in asked.items()} == {
        "your_name": {"type": "string", "minLength": 1, "maxLength": 5},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
        "which": {"enum": ["a", 2]},
        "some": {"type": "array", "items": {"enum": ["x", "y"]}, "uniqueItems": True, "minItems": 1, "maxItems": 2},
        "sure": {"type": "boolean"},
    }
    assert asked["which"]["ui"] == {
        "kind": "choice", "label": "Which?", "options": [{"value": "a", "label": "a"}, {"value": 2, "label": "two"}],
    }  # fmt: skip
    assert asked["sure"]["timeout_ms"] == 1500 and asked["sure"]["default"] == "false"
    assert asked["age"]["timeout_ms"] is None and asked["age"]["default"] is None


def test_a_pause_that_timed_out_without_default_is_an_error(play: Any) -> None:
    executor = play(
        HEAD
        + """
from hero_tracing import PauseTimeout
@flow
def main():
    try: flow.pause("q", timeout=1)
    except PauseTimeout as error: return str(error)
"""
    )
    executor.run()
    (place,) = executor.questions
    outcome = {
        "type": "PauseTimeout",
        "module": "hero_tracing",
        "message": "nobody answered",
        "data": None,
        "traceback": "",
    }
    executor.memory[place] = ("error", json.dumps(outcome), "", "p")
    assert executor.run().code == 0 and executor.output == "nobody answered"


def test_a_paused_span_is_paused_and_then_replayed_with_its_answer(play: Any) -> None:
    executor = play(HEAD + "@flow\ndef main(): return flow.pause('q')")
    attempt = executor.run()
    (pause,) = attempt.named("q")
    assert [event["status"] for event in attempt.events if event["type"] == "span_ended"] == ["paused"]
    executor.answer("q", {"a": 1})
    again = executor.run()
    replayed = next(event for event in again.events if event["type"] == "span_ended")
    assert (
        replayed["span_id"] == pause["span_id"] and replayed["status"] == "replayed" and replayed["output"] == {"a": 1}
    )
