"""`hero_tracing.testing.play`: flows in the process of a test."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta, timezone
from queue import Queue
from typing import Any

import pytest

from hero_tracing import CallFailed, OptionError, PauseTimeout, Refused, ask_user, flow, instrument
from hero_tracing.testing import play
from hero_tracing.testing.answers import TestLane


class Shop:
    def price(self, item: str) -> int:
        raise AssertionError("the real one is not asked")

    async def order(self, item: str) -> str:
        raise AssertionError("the real one is not asked")


shop = instrument(Shop())


@flow
def research(topic: str) -> dict[str, Any]:
    if topic == "bad":
        raise flow.Failed("nothing found")
    print(f"read about {topic}")
    flow.current_span.log(f"found {topic}")
    return {"topic": topic}


@flow
def main(topics: list[str]) -> str:
    found = flow.map(research, topics)
    return str(ask_user.choice("Which one?", [item["topic"] for item in found]))


def test_the_tree_is_a_snapshot(capsys: Any) -> None:
    ran = play(main, {"topics": ["tea", "milk", "rice"]}, answers={"which_one": "milk"})
    assert ran.output == "milk"
    assert (
        ran.tree
        == """\
✓ main
  ✓ map:research
    ✓ research
      │ found milk
    ✓ research
      │ found rice
    ✓ research
      │ found tea
  ✓ which_one"""
    )
    assert capsys.readouterr().err == "", "nothing is printed beside what the flow prints"


def test_an_error_is_kept_and_raised_where_the_output_is_read() -> None:
    ran = play(main, {"topics": ["bad"]})
    assert isinstance(ran.error, flow.Failed) and "✗ research  Failed: nothing found" in ran.tree
    with pytest.raises(flow.Failed, match="nothing found"):
        ran.output  # noqa: B018
    assert repr(ran).startswith("<Ran failed>\n✗ main")


def test_answers_go_by_name_before_glob_and_lists_in_order() -> None:
    @flow
    def asks() -> list[Any]:
        return [flow.pause("a.1"), flow.pause("a.2"), flow.pause("b"), flow.pause("b")]

    assert play(asks, answers={"a.*": [3, 4], "a.1": 1, "b": [True, None]}).output == [1, 3, True, None]


def test_a_pause_without_an_answer_says_what_to_give() -> None:
    ran = play(main, {"topics": ["tea"]})
    assert isinstance(ran.error, Refused) and "nobody answers 'which_one': give the answers to play(…, answers=" in str(
        ran.error
    )


def test_an_answer_that_the_form_would_refuse_is_an_error_of_the_test() -> None:
    for answer in ("coffee", 3):
        with pytest.raises(OptionError, match="the answer to 'which_one' must be one of"):
            play(main, {"topics": ["tea"]}, answers={"which_one": answer}).output  # noqa: B018


def test_sleeps_timers_and_backoffs_take_no_time() -> None:
    tries: list[int] = []

    @flow(retries=2, retry_delay=600)
    def flaky() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise flow.Failed("not yet")
        return len(tries)

    @flow
    def sleeps() -> list[Any]:
        began = flow.now()
        flow.sleep(1)
        flow.sleep(3600)
        flow.sleep_until(began + timedelta(days=2))
        return [flaky(), (flow.now() - began).total_seconds() >= 2 * 24 * 3600 + 1800, began.year]

    start = datetime(2030, 5, 1, tzinfo=timezone.utc)
    assert play(sleeps, start=start).output == [3, True, 2030]


def test_a_pause_times_out_when_nothing_else_goes_on() -> None:
    @flow
    async def patient() -> list[Any]:
        async def late() -> Any:
            await flow.sleep(30)
            return "slept"

        return list(await asyncio.gather(flow.pause("q", timeout=60, default="nobody"), late()))

    @flow
    def impatient() -> Any:
        return flow.pause("q", timeout=60)

    assert play(patient).output == ["nobody", "slept"]
    assert isinstance(play(impatient).error, PauseTimeout)


def test_fakes_stand_in_for_the_methods_of_instrumented_clients() -> None:
    @flow
    async def buys() -> list[Any]:
        return [shop.price("tea"), await shop.order("tea")]

    assert play(buys, fakes={Shop: {"price": lambda item: len(item), "order": "done"}}).output == [3, "done"]

    class Fake:
        def price(self, item: str) -> int:
            return 5

        async def order(self, item: str) -> str:
            return item

    ran = play(buys, fakes={"Shop": Fake()})
    assert ran.output == [5, "tea"] and ran.tree == "✓ buys\n  ✓ price\n  ✓ order"
    assert ran.span("price")["tags"]["arguments"] == {"item": "tea"}
    failed = play(buys, fakes={"Shop": {"price": LookupError("gone"), "order": 1}})
    assert isinstance(failed.error, LookupError) and "✗ price  LookupError: gone" in failed.tree
    missing = play(buys, fakes={"Shop": {"order": 1}})
    assert "the fake of Shop has no 'price': it has 'order'" in str(missing.error)


def test_methods_of_the_runtime_are_given() -> None:
    @flow
    def searches() -> Any:
        return flow.call("flow_library_search", query="tea")

    assert play(searches, methods={"flow_library_search": lambda query: [query]}).output == ["tea"]
    ran = play(searches)
    assert isinstance(ran.error, CallFailed) and "play(…, methods={'flow_library_search': …})" in str(ran.error)


def test_again_replays_what_is_remembered() -> None:
    ran = play(main, {"topics": ["tea", "milk"]}, answers={"which_one": "tea"})
    again = ran.again()
    assert again.output == "tea" and "✓ research" not in again.tree and again.tree.count("↺") == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: play(len), "play takes a function decorated with @flow"),
        (lambda: play(main, start=datetime(2026, 1, 1)), "start must be a datetime with a time zone"),
        (lambda: play(flow(lambda: play(main).output)).output, "inside a flow, call the other flow itself"),
        (
            lambda: play(flow(lambda: flow.pause("q")), answers={"q": object()}).output,
            "a value of type object is not JSON",
        ),
    ],
)
def test_wrong_uses_say_what_is_right(wrong: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        wrong()


def test_a_span_is_found_by_its_name() -> None:
    ran = play(main, {"topics": ["tea"]}, answers={"which_one": "tea"})
    assert ran.span("research")["output"] == {"topic": "tea"}
    with pytest.raises(
        AssertionError, match="0 spans are named 'x'; there are: main, map:research, research, which_one"
    ):
        ran.span("x")


def test_questions_beside_work_that_nobody_answers_end_the_run_and_not_the_process() -> None:
    @flow
    def asks(name: str) -> Any:
        if name == "slow":
            flow.sleep(1.5)
            return "slept"
        return flow.pause(name)

    @flow
    async def both() -> Any:
        async def later() -> str:
            await flow.sleep(5)
            return "slept"

        return await asyncio.gather(flow.pause("q"), later())

    ran = play(flow(name="main")(lambda: flow.map(asks, ["a", "slow", "b"])))
    assert isinstance(ran.error, Refused) and "✓ asks" in ran.tree
    assert isinstance(play(both).error, Refused)


@pytest.mark.parametrize("wrong", ["zzz", object()])
def test_an_answer_that_does_not_fit_ends_the_run_wherever_it_is_taken(wrong: Any) -> None:
    asked = threading.Event()

    @flow
    def item(number: int) -> Any:
        if number == 1:
            assert asked.wait(10), "the question is sent while this item goes on"
            return "done"
        try:
            return ask_user.choice("Which?", ["a", "b"], name="q1")
        except Refused:
            return "swallowed"
        finally:
            asked.set()

    ran = play(flow(name="main")(lambda: flow.map(item, [1, 2])), answers={"q1": wrong})
    assert isinstance(ran.error, OptionError) and "q1" in str(ran.error)
    with pytest.raises(OptionError):
        ran.output  # noqa: B018


def test_an_answer_that_does_not_fit_is_an_error_of_an_async_flow_too() -> None:
    @flow(name="main")
    async def both() -> Any:
        async def later() -> None:
            await flow.sleep(5)

        return await asyncio.gather(ask_user.choice("Which?", ["a", "b"], name="q1"), later())

    ran = play(both, answers={"q1": "zzz"})
    assert isinstance(ran.error, OptionError) and "must be one of" in str(ran.error)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_ask_that_breaks_does_not_keep_the_play_from_asking_again(monkeypatch: pytest.MonkeyPatch) -> None:
    broken: Queue[threading.Thread] = Queue()

    def breaks(lane: TestLane, kind: str, body: str, arrived: Any) -> None:
        broken.put(threading.current_thread())
        raise LookupError("the lane is broken")

    monkeypatch.setattr(TestLane, "send", breaks)

    @flow
    def item(number: int) -> Any:
        if number == 1:
            broken.get(timeout=10).join(10)
            return "done"
        return flow.pause("q")

    assert play(flow(name="main")(lambda: flow.map(item, [1, 2])), answers={"q": "told"}).output == ["done", "told"]
