"""Values and errors in memory: what the caller sees first is what a replay gives it again."""

from __future__ import annotations

import json
from typing import Any

import pytest

HEAD = "from hero_tracing import flow, ask_user, OptionError, NotJson\n"


def test_the_caller_gets_the_decoded_json_also_the_first_time(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def step(): return {"t": (1, 2), "f": 1.0, "u": "é\\u2028😀"}
@flow
def main():
    got = step()
    return [type(got["t"]).__name__, got, got["f"]]
"""
    )
    executor.run()
    first = executor.end["output"]
    assert json.loads(first)[0] == "list" and '"f":1.0' in first
    executor.run()
    assert executor.end["output"] == first


def test_a_caught_error_is_caught_again(play: Any) -> None:
    executor = play(
        HEAD
        + """
import json
class Mine(ValueError):
    def __init__(self, code, *, extra=None):
        super().__init__(f"code {code}")
        self.code, self.extra = code, extra
class Odd(Exception):
    def __str__(self): return "always odd"
@flow
def bad(kind):
    print("bad", kind)
    if kind == "mine": raise Mine(3, extra={"a": 1})
    if kind == "key": raise KeyError("k")
    if kind == "failed": raise flow.Failed("did not work", topic="x", n=2)
    if kind == "os": open("/nowhere/at/all")
    if kind == "json": json.loads("{")
    if kind == "unicode": b"\\xff".decode()
    if kind == "odd": raise Odd({1, 2})
    if kind == "local":
        class Local(LookupError): pass
        raise Local("here")
    if kind == "cause":
        try: 1 / 0
        except ZeroDivisionError as error: raise RuntimeError("wrapped") from error
@flow
def main():
    seen = []
    for kind, expected in (("mine", Mine), ("key", KeyError), ("failed", flow.Failed), ("os", FileNotFoundError),
                           ("json", json.JSONDecodeError), ("unicode", UnicodeDecodeError), ("odd", Odd),
                           ("local", LookupError), ("cause", RuntimeError)):
        try:
            bad(kind)
        except expected as error:
            more = [getattr(error, name, None) for name in ("code", "extra", "errno", "data")]
            seen.append([kind, type(error).__name__, str(error), more])
    return seen
"""
    )
    first = executor.run()
    assert first.code == 0 and len(executor.output) == 9, executor.error
    was = executor.output
    again = executor.run()
    assert again.logs() == [] and executor.output == was
    assert ["mine", "Mine", "code 3", [3, {"a": 1}, None, None]] in was
    assert ["failed", "Failed", "did not work", [None, None, None, {"topic": "x", "n": 2}]] in was
    remembered = {step["name"]: json.loads(step["outcome"]) for step in executor.commits}
    assert set(remembered["bad"]) == {"type", "module", "message", "data", "traceback", "span"}
    assert (
        "ZeroDivisionError" in remembered["bad"]["traceback"] and "hero_tracing" not in remembered["bad"]["traceback"]
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("{'a': [1, {'b': float('nan')}]}", "result.a[1].b: nan is not a JSON number"),
        ("[float('inf')]", "result[0]: inf is not a JSON number"),
        ("{'a': 2**53}", "result.a: an integer beyond 2**53 - 1 is not exact in JSON; pass it as a string"),
        ("{'a': {1: 2}}", "result.a: the key 1 is of type int; JSON keys must be strings"),
        ("{'a': {2, 3}}", "result.a: a value of type set is not JSON"),
        ("['\\ud800']", "result[0]: a lone surrogate is not Unicode text"),
        ("(lambda a: a.append(a) or a)([])", "nested deeper than 400 levels"),
        ("b'x'", "result: a value of type bytes is not JSON"),
    ],
)
def test_a_result_that_is_not_json_fails_the_step_with_its_path(play: Any, value: str, path: str) -> None:
    executor = play(HEAD + f"@flow\ndef step(): return {value}\n@flow\ndef main(): return step()")
    executor.run()
    assert executor.error["type"] == "ResultNotJson" and path in executor.error["message"]
    assert executor.commits[0]["kind"] == "error", "the failure is remembered: a replay does not run the step again"
    root = play(HEAD + f"@flow\ndef main(): return {value}")
    root.run()
    assert root.error["type"] == "ResultNotJson" and path in root.error["message"]


def test_arguments_that_are_not_json_fail_at_the_call(play: Any) -> None:
    executor = play(HEAD + "@flow\ndef step(a, b=1): ...\n@flow\ndef main(): step({'x': [open]})")
    executor.run()
    assert executor.error["type"] == "ArgumentNotJson" and executor.commits == []
    assert executor.error["message"].startswith(
        "arguments.a.x[0]: a value of type builtin_function_or_method is not JSON"
    )


def test_declared_outputs_are_checked(play: Any) -> None:
    source = (
        HEAD
        + "@flow(outputs={'n': {'type': 'integer'}, 's': {'type': 'string', 'required': False}})\ndef main(v): return v"
    )
    for value, message in (
        ({"n": "x"}, "result.n: declared as integer, but it is a string: return that, or declare what it is"),
        ({}, "result.n: declared in outputs, but not returned: return it, or declare it with required=False"),
        ([1], "result: must be an object with n, s, but it is an array: return a dict with these keys"),
        ({"n": True}, "result.n: declared as integer, but it is a boolean: return that, or declare what it is"),
    ):
        executor = play(source, input={"v": value})
        executor.run()
        assert executor.error["type"] == "OutputMismatch" and executor.error["message"] == message
    executor = play(source, input={"v": {"n": 1, "s": None, "more": 2}})
    executor.run()
    assert executor.error is None


def test_memo_false_runs_again_in_every_attempt(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow(memo=False)
def look(): print("look"); return 1
@flow
def main(): return look() + look()
"""
    )
    assert executor.run().logs() == ["look", "look"] and executor.commits == []
    assert executor.run().logs() == ["look", "look"]


def test_defaults_belong_to_the_arguments_and_keywords_are_the_same_call(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def step(a, /, b=2, *rest, c=3, **more): return 0
@flow
def main():
    step(1); step(1, 2, c=3); step(1, b=2); step(1, 2, 5, x=1.0)
"""
    )
    executor.run()
    other = play(
        HEAD
        + """
@flow
def step(a, /, b=2, *rest, c=3, **more): return 0
@flow
def main():
    step(1, b=2, c=3); step(1); step(1, 2); step(1, 2, 5, x=1)
"""
    )
    other.run()
    assert [step["place"] for step in executor.commits] == [step["place"] for step in other.commits]


def test_system_exit_in_a_step_is_not_remembered(play: Any) -> None:
    executor = play(HEAD + "import sys\n@flow\ndef step(): sys.exit(3)\n@flow\ndef main(): step()")
    attempt = executor.run()
    assert attempt.code == 3 and executor.commits == [] and executor.end is None


def test_always_replay_gives_the_same_result(play: Any) -> None:
    source = (
        HEAD
        + """
@flow
def leaf(n): return n + 1
@flow
def branch(n): return leaf(leaf(n))
@flow
def main():
    total = sum(flow.map(branch, [1, 2, 3], max_workers=2))
    try:
        flow.map(lambda n: 1 / n, [0])
    except ZeroDivisionError:
        total += 100
    return total + leaf(0) + (5 if ask_user.confirm("ok?", name="ok") else 0)
"""
    )
    plain = play(source)
    plain.prefill = {"ok": [True]}
    plain.run()
    executor = play(source, always_replay=True)
    executor.prefill = {"ok": [True]}
    last = executor.run(until_end=True)
    assert last.code == 0 and executor.output == plain.output == 118
    assert len(executor.attempts) >= 4, "at least one for each stretch of code between two quiet moments"
    replays = [frame for attempt in executor.attempts for frame in attempt.frames if frame.get("replay")]
    assert len(replays) == len(executor.attempts) - 1
    assert {step["place"] for step in executor.commits} == {step["place"] for step in plain.commits}


def test_always_replay_of_coroutines(play: Any) -> None:
    executor = play(HEAD + """
import asyncio
@flow
async def leaf(n):
    await asyncio.sleep(0)
    return n
@flow
async def main():
    return await asyncio.gather(*(leaf(n) for n in range(3))) + await flow.map(leaf, [5, 6])
""", always_replay=True)  # fmt: skip
    assert executor.run(until_end=True).code == 0 and executor.output == [0, 1, 2, 5, 6]


def test_always_replay_ends_after_two_hundred_attempts(play: Any) -> None:
    executor = play(HEAD + "@flow\ndef step(): return 1\n@flow\ndef main(): return step()", always_replay=True)
    executor.start["attempt"] = 200
    assert executor.run().code == 0


def test_the_idempotency_key_is_the_same_in_every_attempt(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def step():
    print(flow.current_step.key, flow.current_step.name)
    return flow.pause("q")
@flow
def main():
    with flow.step("inside"):
        return step()
"""
    )
    first = executor.run().logs()
    executor.answer("q", 1)
    assert executor.run().logs() == first and len(first[0].split()[0]) == 32
    other = play(executor.start["source"], play_sid="play-2")
    assert other.run().logs() != first


def test_refused_outcomes_are_errors_of_the_step(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def step(): return "x"
@flow
def main():
    try:
        step()
    except Exception as error:
        return [type(error).__name__, error.code, str(error)]
"""
    )

    def refuse(frame: dict[str, Any]) -> Any:
        if frame["t"] == "commit" and frame["steps"][0]["kind"] == "value":
            return {"t": "refused", "id": frame["id"], "code": "TOO_LARGE", "message": "too large"}
        return None

    executor.on_frame = refuse
    executor.run()
    assert executor.output == ["Refused", "TOO_LARGE", "too large"]
    executor.run()
    assert executor.output == ["Refused", "TOO_LARGE", "too large"], "the refusal is remembered as the step's error"


def test_a_refused_question_is_raised_at_the_pause(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def main():
    try:
        flow.pause("q", schema={"type": "wrong"})
    except Exception as error:
        return str(error)
"""
    )
    executor.on_frame = lambda frame: (
        {"t": "refused", "id": frame["id"], "code": "INVALID", "message": "schema"} if frame["t"] == "pause" else None
    )
    assert executor.run().code == 0 and executor.output == "schema"


def test_a_refused_end_fails_the_play(play: Any) -> None:
    executor = play(HEAD + "@flow\ndef step(): return 5\n@flow\ndef main(): step(); return 'x'")
    executor.on_frame = lambda frame: (
        {"t": "refused", "id": frame["id"], "code": "TOO_LARGE", "message": "no"}
        if frame["t"] == "end" and frame["status"] == "success"
        else None
    )
    assert executor.run().code == 0
    assert executor.end["status"] == "failed" and executor.error["type"] == "Refused" and executor.output == 5


def test_large_payloads_pass(play: Any) -> None:
    executor = play(HEAD + """
@flow
def step(n): return "x" * n
@flow
def main(n): return len(step(n)) + len(flow.pause("big"))
""", input={"n": 15_000_000})  # fmt: skip
    executor.prefill = {"big": ["y" * 15_000_000]}
    attempt = executor.run()
    assert attempt.code == 0 and executor.output == 30_000_000
    assert all(
        "output" not in event
        for event in attempt.events
        if event["type"] == "span_ended"
        and event["status"] == "success"
        and event["span_id"] != attempt.events[0]["span_id"]
    )
    too_large = play(executor.start["source"], input={"n": 19_000_000})
    too_large.run()
    assert too_large.error["type"] == "PayloadTooLarge" and "18 MiB; the limit is 16 MiB" in too_large.error["message"]
