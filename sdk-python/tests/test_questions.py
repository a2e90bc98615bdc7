"""Questions: what is asked, and what an answer or a time-out leaves."""

from __future__ import annotations

import json
from typing import Any

HEAD = "from hero_tracing import flow, ask_user\n"


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
    executor.memory[place] = ("error", json.dumps(outcome), "", "p", "pause")
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
