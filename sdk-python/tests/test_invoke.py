"""Sub-flows: another workflow in this process, or as a play of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPLAY = pytest.mark.parametrize("always_replay", [False, True], ids=["plain", "always-replay"])
GREET = """
from hero_tracing import ask_user, flow

class Rude(ValueError):
    pass

@flow
def word(language: str) -> str:
    print("word", language)
    return {"de": "Hallo", "en": "Hello"}[language]

@flow(name="greet", inputs={"name": {"type": "string", "required": True}, "language": {"type": "string", "default": "en"}})
def main(name, language):
    if name == "nobody":
        raise Rude("nobody is there")
    sure = ask_user.confirm(f"Greet {name}?", name="sure")
    return f"{word(language)} {name}" if sure else None
"""
GREET_ASYNC = (
    GREET.replace("def word", "async def word").replace("def main", "async def main")
    .replace("ask_user.c", "await ask_user.c").replace("{word(", "{await word(")
)  # fmt: skip
MAIN = """
from hero_tracing import flow

@flow
def one(language):
    return flow.invoke("greet", name="Ada", language=language)

@flow
def main():
    try:
        flow.invoke("greet", name="nobody")
    except ValueError as error:
        caught = [type(error).__name__, str(error)]
    return [caught, flow.map(one, ["de", "en"]), flow.invoke("greet", name="Bo")]
"""
MAIN_ASYNC = """
import asyncio
from hero_tracing import flow

@flow
async def one(language):
    return await flow.invoke("greet", name="Ada", language=language)

@flow
async def main():
    try:
        await flow.invoke("greet", name="nobody")
    except ValueError as error:
        caught = [type(error).__name__, str(error)]
    return [caught, list(await asyncio.gather(one("de"), one("en"))), await flow.invoke("greet", name="Bo")]
"""


def answered(executor: Any, name: str, value: Any, most: int = 60) -> Any:
    """Runs to the end and answers what is asked, one question an attempt."""
    for _ in range(most):
        attempt = executor.run()
        if attempt.code != 75:
            return attempt
        if executor.questions:
            executor.answer(name, value)
    raise AssertionError("the play does not come to its end")


@REPLAY
@pytest.mark.parametrize("entry", [GREET, GREET_ASYNC], ids=["sync entry", "async entry"])
@pytest.mark.parametrize("caller", [MAIN, MAIN_ASYNC], ids=["sync caller", "async caller"])
def test_in_process_each_kind_of_caller_and_entry(play: Any, caller: str, entry: str, always_replay: bool) -> None:
    executor = play(caller, always_replay=always_replay)
    executor.library["greet"] = entry
    ended = answered(executor, "sure", True)
    assert ended.code == 0, executor.error
    assert executor.output == [["Rude", "nobody is there"], ["Hallo Ada", "Hello Ada"], "Hello Bo"]
    assert executor.resolved == ["greet"], "resolved once per play"
    names = [step["name"] for step in executor.commits]
    assert names[0] == "resolve:greet" and names.count("greet") == 4 and names.count("word") == 3
    first = executor.attempts[0]
    assert {span["kind"] for span in first.named("greet")} == {"subflow"}
    inner = [span for attempt in executor.attempts for span in attempt.named("word")]
    assert {span["source_file"] for span in inner} == {"greet.py"}
    failed = json.loads(next(step["outcome"] for step in executor.commits if step["kind"] == "error"))
    assert 'File "greet.py", line 15' in failed["traceback"] and "hero_tracing" not in failed["traceback"]
    by_name = {step["name"]: step for step in executor.commits}
    assert (
        by_name["resolve:greet"]["parent_place"] == "" and by_name["word"]["parent_place"] == by_name["greet"]["place"]
    )


def test_a_replay_runs_the_version_of_the_first_attempt(play: Any) -> None:
    executor = play("from hero_tracing import flow\n@flow\ndef main():\n    return flow.invoke('greet', name='Ada')")
    executor.library["greet"] = GREET
    assert executor.run().code == 75
    executor.library["greet"] = "raise SystemExit('another version became current')"
    executor.answer("sure", True)
    assert executor.run().code == 0 and executor.output == "Hello Ada"
    again = executor.run()
    assert again.code == 0 and again.logs() == [] and len(again.replayed()) == 1, "what is finished needs no source"


@REPLAY
def test_what_cannot_be_invoked_is_an_error_that_stays(play: Any, always_replay: bool) -> None:
    executor = play(
        """
from hero_tracing import FlowNotFound, InputsInvalid, ask_user, flow

def said(kind, **how):
    try:
        flow.invoke(how.pop("workflow"), **how)
    except kind as error:
        return [type(error).__name__, str(error).split("\\n")[0], getattr(error, "issues", None)]

@flow
def main():
    faults = [
        said(FlowNotFound, workflow="nowhere"),
        said(FlowNotFound, workflow="nowhere", spawn=True),
        said(InputsInvalid, workflow="greet", language=3, tone="plain"),
    ]
    ask_user.confirm("Go on?", name="go")
    return faults
""",
        always_replay=always_replay,
    )
    executor.library["greet"] = GREET
    while not executor.questions:
        assert executor.run().code == 75
    executor.library["nowhere"] = GREET
    executor.children["nowhere"] = 1
    executor.answer("go", True)
    assert executor.run(until_end=True).code == 0, executor.error
    assert [fault[0] for fault in executor.output] == ["FlowNotFound", "FlowNotFound", "InputsInvalid"]
    assert [issue["path"] for issue in executor.output[2][2]] == ["name", "language", "tone"]
    assert executor.resolved == ["greet"]


SPAWN = """
from hero_tracing import ChildFailed, flow

@flow
def child(n):
    try:
        return flow.invoke("double", spawn=True, n=n)
    except ChildFailed as error:
        return [error.status, error.error_type, error.play_sid, str(error)]

@flow
def main():
    return flow.map(child, [1, 2, 3])
"""
SPAWN_ASYNC = """
import asyncio
from hero_tracing import ChildFailed, flow

@flow
async def child(n):
    try:
        return await flow.invoke("double", spawn=True, n=n)
    except ChildFailed as error:
        return [error.status, error.error_type, error.play_sid, str(error)]

@flow
async def main():
    return list(await asyncio.gather(*(child(n) for n in (1, 2, 3))))
"""


@REPLAY
@pytest.mark.parametrize("source", [SPAWN, SPAWN_ASYNC], ids=["sync", "async"])
def test_spawned_children_wait_together_and_come_back(play: Any, source: str, always_replay: bool) -> None:
    executor = play(source, always_replay=always_replay)
    executor.children["double"] = lambda n: LookupError("lost") if n == 2 else {"n": 2 * n}
    assert executor.run(until_end=True).code == 0, executor.error
    assert executor.output == [{"n": 2}, ["failed", "LookupError", "child-1", "lost"], {"n": 6}]
    spans = executor.attempts[0].named("double")
    assert len(spans) == 3 and {span["kind"] for span in spans} == {"subflow"}
    paused = [event for event in executor.attempts[0].events if event.get("status") == "paused"]
    assert {event["child_play_sid"] for event in paused} == {"child-1", "child-2", "child-3"}
    again = executor.run(until_end=True)
    assert again.code == 0 and len(executor.spawned) == 3


def test_a_child_that_runs_for_long_is_found_again(play: Any) -> None:
    executor = play(SPAWN)
    executor.children["double"] = ...
    assert executor.run().code == 75 and len(executor.spawned) == 3
    assert {question["kind"] for question in executor.questions.values()} == {"child"}
    assert executor.run().code == 75 and len(executor.spawned) == 3, "the same children"
    for place in list(executor.questions):
        executor.answer_at(place, {"n": 0})
    assert executor.run().code == 0 and executor.output == [{"n": 0}] * 3


def test_the_root_span_hangs_under_the_caller(play: Any) -> None:
    executor = play("from hero_tracing import flow\n@flow\ndef main(): pass", parent_span_id="00000000000000aa")
    assert executor.run().named("main")[0]["parent_id"] == "00000000000000aa"


def test_files_nearby_are_workflows_on_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "double.py").write_text(
        "from hero_tracing import flow\n@flow\ndef main(n: int):\n    if n < 0: raise LookupError('low')\n    return 2 * n\n"
    )
    file = tmp_path / "calls.py"
    file.write_text("""
from hero_tracing import ChildFailed, FlowNotFound, flow
@flow
def main():
    said = []
    try:
        flow.invoke("double", spawn=True, n=-1)
    except ChildFailed as error:
        said.append([error.error_type, str(error)])
    try:
        flow.invoke("nowhere")
    except FlowNotFound as error:
        said.append("nowhere.py" in str(error))
    return [flow.invoke("double", n=2), flow.invoke("double", n=3, spawn=True), said]
print(main())
""")
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(file)], capture_output=True, text=True, timeout=30,
        env={"PYTHONPATH": str(Path(__file__).parents[1] / "src"), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "[4, 6, [['LookupError', 'low'], True]]\n"
