"""How an attempt ends, and what it says of errors on the way."""

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
    assert "not a frame" in capfd.readouterr().err


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
        (
            "from hero_tracing import flow\n@flow(retries=-1)\ndef main(): ...",
            "OptionError",
            "retries must be a whole number",
        ),
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
