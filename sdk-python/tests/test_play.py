"""One play over real connections: steps, memory, replay, the end."""

from __future__ import annotations

from typing import Any

STEPS = """
from hero_tracing import flow

@flow
def add(a, b=2):
    print("adding", a)
    return a + b

@flow
def main(n):
    total = 0
    for i in range(3):
        total = add(total, n)
    return {"total": total, "again": add(1.0, b=[])if False else add(7)}
"""


def test_steps_run_and_are_committed_before_the_end(play: Any) -> None:
    executor = play(STEPS, input={"n": 5})
    attempt = executor.run()
    assert attempt.code == 0
    assert executor.output == {"total": 15, "again": 9}
    assert [frame["t"] for frame in attempt.frames] == ["commit"] * 4 + ["end"]
    assert attempt.frames[-1]["emitted"] == len(attempt.events)
    assert attempt.logs() == ["adding 0", "adding 5", "adding 10", "adding 7"]
    assert all(len(step["function_sha256"]) == 64 for step in executor.commits)


def test_what_is_remembered_does_not_run_again(play: Any) -> None:
    executor = play(STEPS, input={"n": 5})
    first = executor.run()
    second = executor.run()
    assert second.code == 0 and executor.output == {"total": 15, "again": 9}
    assert second.logs() == []
    assert second.replayed() == [event["span_id"] for event in first.events if event["type"] == "span_started"][1:]


def test_a_pause_suspends_and_the_answer_goes_on(play: Any) -> None:
    executor = play("""
from hero_tracing import flow, ask_user
@flow
def step(x): return x
@flow
def main():
    try:
        step(1)
        name = ask_user.text("Your name?", name="name")
        return [name, step(2)]
    except BaseException:
        print("unwound")
        raise
    finally:
        print("finally")
""")
    first = executor.run()
    assert first.code == 75 and first.logs() == []
    assert [question["name"] for question in executor.questions.values()] == ["name"]
    assert first.frames[-1]["emitted"] == len(first.events)
    executor.answer("name", "Ada")
    second = executor.run()
    assert second.code == 0 and executor.output == ["Ada", 2]
    assert second.logs() == ["finally"]
