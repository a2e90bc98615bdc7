"""Waits are recorded when they begin: `ask` beside work, `pause` at rest, timeouts of asyncio as timers."""

from __future__ import annotations

import json
from typing import Any

HEAD = "import asyncio, socket, threading, time\nfrom hero_tracing import flow\n"


def requests(attempt: Any) -> list[tuple[str, list[str]]]:
    return [
        (frame["t"], [question["name"] for question in frame["questions"]])
        for frame in attempt.frames
        if frame["t"] in ("ask", "pause")
    ]


def test_a_lone_pause_is_one_request(play: Any) -> None:
    for define, awaits in (("def", ""), ("async def", "await ")):
        executor = play(HEAD + f"@flow\n{define} main(): return {awaits}flow.pause('q')")
        assert requests(executor.run()) == [("pause", ["q"])]


def test_a_question_beside_work_is_asked_at_once_and_its_answer_taken_while_the_work_goes_on(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
async def asks():
    answer = await flow.pause("q")
    answered.set()
    return answer
@flow
async def works():
    await answered.wait()
    return "worked"
@flow
async def heartbeat():
    while not answered.is_set(): await asyncio.sleep(0.01)
@flow
async def main():
    global answered
    answered = asyncio.Event()
    return await asyncio.gather(asks(), works(), heartbeat())
"""
    )

    def answer(frame: dict[str, Any]) -> None:
        if frame["t"] == "ask" and frame["questions"]:
            for question in frame["questions"]:
                executor.answers[question["place"]] = ("answer", "5")

    executor.on_frame = answer
    attempt = executor.run()
    assert attempt.code == 0 and executor.output == [5, "worked", None]
    assert [kind for kind, _ in requests(attempt)] == ["ask"]


def test_a_thread_that_asks_beside_work_is_shown_and_woken(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def branch(n):
    if n: return flow.pause("q")
    while not done: time.sleep(0.01)
    return "worked"
done = []
@flow
def item(n):
    value = branch(n)
    done.append(n)
    return value
@flow
def main(): return flow.map(item, [0, 1])
"""
    )

    def shown(event: dict[str, Any]) -> None:
        if event.get("status") == "paused":
            asked.append(event["span_id"])

    asked: list[str] = []
    executor.on_event = shown

    def answer(frame: dict[str, Any]) -> dict[str, Any] | None:
        if frame["t"] != "ask" or not frame["questions"]:
            return None
        reply = executor._ask(frame)
        executor.answer("q", 7)  # says `woken` before the reply
        return reply

    executor.on_frame = answer
    attempt = executor.run()
    assert attempt.code == 0 and executor.output == ["worked", 7] and len(asked) == 1


def test_a_timer_is_recorded_when_it_begins(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
async def works():
    await asyncio.sleep(0.1)
    return 1
@flow
async def main(): return await asyncio.gather(flow.sleep(60), works())
"""
    )
    attempt = executor.run()
    assert attempt.code == 75 and requests(attempt) == [("ask", ["sleep"]), ("pause", [])]
    executor.pass_time()
    assert executor.run().code == 0 and executor.output == [None, 1]


def test_a_refusal_reaches_its_own_branch_and_the_others_are_asked(play: Any) -> None:
    executor = play(
        HEAD
        + """
from hero_tracing import Refused
@flow
async def asks(name):
    try: return await flow.pause(name)
    except Refused as error: return str(error)
@flow
async def main(): return await asyncio.gather(asks("good"), asks("bad"))
"""
    )

    def refuse(frame: dict[str, Any]) -> dict[str, Any] | None:
        bad = [question["place"] for question in frame.get("questions", ()) if question["name"] == "bad"]
        if not bad:
            return None
        frame["questions"] = [question for question in frame["questions"] if question["name"] != "bad"]
        executor._taken(frame)
        payload = json.dumps({"code": "INVALID", "message": "no such schema"})
        answers = [{"place": place, "kind": "refused", "payload": payload} for place in bad]
        return {"t": "answers", "id": frame["id"], "answers": answers, "more": False}

    executor.on_frame = refuse
    assert executor.run().code == 75
    assert [question["name"] for question in executor.questions.values()] == ["good"]
    executor.answer("good", 1)
    executor.on_frame = None
    executor.prefill = {"bad": [2]}
    assert executor.run().code == 0


def test_two_prefilled_pauses_in_threads_are_answered(play: Any) -> None:
    executor = play(
        HEAD
        + """
import contextvars
@flow
def main():
    got = []
    def ask(n): got.append(flow.pause(f"q{n}"))
    threads = [threading.Thread(target=contextvars.copy_context().run, args=(ask, n)) for n in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return sorted(got)
"""
    )
    executor.prefill = {"q0": [1], "q1": [2]}
    assert executor.run().code == 0 and executor.output == [1, 2]


def test_idle_threads_and_open_connections_do_not_hold_a_suspension_up(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
async def main():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    mine, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=mine)
    limit = asyncio.Semaphore(1)
    async def one(n):
        async with limit:
            return await flow.pause(f"q{n}")
    return await asyncio.gather(one(0), one(1))
"""
    )
    assert executor.run().code == 75
    executor.answer("q0", 0)
    assert executor.run().code == 75
    executor.answer("q1", 1)
    assert executor.run().code == 0 and executor.output == [0, 1]


def test_a_timeout_around_a_pause_is_a_timer_and_fires_the_same_way_in_a_replay(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
async def after(n): return n
@flow
async def main():
    try: await asyncio.wait_for(flow.pause("never"), 3600)
    except asyncio.TimeoutError: said = "timeout"
    return [said, await after(1), await flow.pause("next")]
"""
    )
    first = executor.run()
    (pause,) = [frame for frame in first.frames if frame["t"] == "pause"]
    assert sorted((question["role"], question["kind"]) for question in pause["questions"]) == [
        ("pause", "question"), ("timeout", "timer"),
    ]  # fmt: skip
    executor.pass_time()
    again = executor.run()
    assert again.code == 75 and "never" not in [name for _, names in requests(again) for name in names]
    executor.answer("next", 2)
    assert executor.run().code == 0 and executor.output == ["timeout", 1, 2]
    assert len(executor.commits) == 1


def test_timeouts_in_a_body_that_uses_nothing_of_the_runtime_are_not_recorded(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
async def fetch():
    try: await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    except asyncio.TimeoutError: return "late"
@flow
async def main(): return [await fetch(), await flow.pause("q")]
"""
    )
    attempt = executor.run()
    assert requests(attempt) == [("pause", ["q"])]


def test_a_link_made_in_a_helper_answers_the_next_pause_of_its_name_elsewhere(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def helper(): return flow.webhook("paid")
@flow
def waits(): return flow.pause("paid")
@flow
def main():
    helper()
    first = flow.pause("paid")
    flow.webhook("paid")
    return [first, waits()]
"""
    )
    made: list[str] = []

    def play_hook(resume_id: str, name: str, **_: str) -> dict[str, str]:
        assert name == "paid"
        made.append(resume_id)
        return {"path": "/hooks/resume/t"}

    executor.methods["play_hook"] = play_hook
    executor.run()
    (question,) = executor.questions.values()
    assert question["links"] == made
    executor.answer("paid", 1)
    executor.run()
    (question,) = executor.questions.values()
    assert question["links"] == made[1:] and len(made) == 2
    executor.answer("paid", 2)
    assert executor.run().code == 0 and executor.output == [1, 2]
