"""`instrument` with objects of every shape; the vendors' clients are in test_clients.py."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
from typing import Any, NamedTuple

import pytest
from shop_client import Part, Shop, ran

from hero_tracing import OptionError, flow, instrument
from hero_tracing._instrument import results


def test_a_call_is_an_rpc_span_with_method_arguments_and_result() -> None:
    run = ran(lambda: instrument(Shop()).price("tea", amount=2)["price"])
    assert run.output == 6
    span = run.span("price")
    assert span["kind"] == "rpc" and span["status"] == "success"
    assert span["tags"] == {"client": "Shop", "arguments": {"item": "tea", "amount": 2}}
    assert span["output"] == {"item": "tea", "price": 6}


def test_a_failed_call_is_a_failed_span_and_raises_what_the_client_raised() -> None:
    raised: list[BaseException] = []

    class Mine(LookupError):
        pass

    class Failing:
        def fail(self) -> None:
            raised.append(Mine("no"))
            raise raised[0]

    def body() -> None:
        try:
            instrument(Failing()).fail()
        except Mine as error:
            raised.append(error)

    run = ran(body)
    assert raised[0] is raised[1] and run.tree == "✓ main\n  ✗ fail  Mine: no"


def test_nested_parts_are_instrumented_and_plain_values_stay_what_they_are() -> None:
    shop = Shop()
    client = instrument(shop)
    assert client.limit == 3 and client.items is shop.items and client.address is shop.address
    assert client._private() == "private" and client.part.name == "inner"
    run = ran(lambda: client.part.ask("why?")["answer"])
    assert run.output == "inner: why?" and run.span("part.ask")["kind"] == "rpc"


def test_the_stand_in_looks_like_the_client() -> None:
    shop = Shop()
    client = instrument(shop)
    assert isinstance(client, Shop) and not isinstance(client, Part)
    assert repr(client) == "<instrumented Shop()>" and client == shop and hash(client) == hash(shop)
    assert callable(client) and len(client) == 7 and not hasattr(client, "nothing")
    assert not callable(client.part) and not hasattr(type(client.part), "__len__")
    assert client.price.__name__ == "price" and client.price.__doc__ == shop.price.__doc__
    client.limit = 5
    assert shop.limit == 5 and "price" in dir(client)
    again = instrument(client)
    assert ran(lambda: again.price("tea")["price"]).tree == "✓ main\n  ✓ price"


def test_outside_a_flow_the_client_behaves_as_ever() -> None:
    client = instrument(Shop(), memo=True)
    assert client.price("tea")["price"] == 3 and client("ab") == "abab" and list(client.words("a b")) == ["a", "b"]
    assert asyncio.run(client.price_async("tea")) == "TEA"
    with client as entered:
        assert entered is client
    assert client.closed


def test_callables_functions_and_modules_are_clients_too() -> None:
    import json as module

    def double(n: int) -> int:
        return 2 * n

    run = ran(lambda: [instrument(Shop())("ab"), instrument(double)(4), instrument(module).dumps([1])])
    assert run.output == ["abab", 8, "[1]"]
    assert run.tree == "✓ main\n  ✓ Shop\n  ✓ double\n  ✓ dumps"


@pytest.mark.parametrize("wrong", [None, 3, "x", [Shop()], {"a": 1}, Shop])
def test_what_has_no_methods_is_refused(wrong: Any) -> None:
    with pytest.raises(OptionError, match=r"instrument takes a client, an object with methods"):
        instrument(wrong)


def test_async_methods_are_awaited_and_a_missing_await_is_said() -> None:
    client = instrument(Shop())

    async def body() -> list[str]:
        both = await asyncio.gather(client.price_async("a"), client.price_async("b"))
        with pytest.raises(LookupError):
            await client.fail_async()
        return both

    run = ran(body)
    assert run.output == ["A", "B"]
    assert run.tree == "✓ main\n  ✓ price_async\n  ✓ price_async\n  ✗ fail_async  LookupError: sold out"

    async def forgetful() -> None:
        client.price_async("a")

    assert "was not awaited" in str(ran(forgetful).error)


def test_a_stream_is_one_span_until_its_end() -> None:
    client = instrument(Shop())

    def body() -> list[str]:
        found = []
        for word in client.words("one two three"):
            flow.current_span.log(word)  # between the chunks the code belongs to the flow again
            found.append(word)
        return found

    run = ran(body)
    assert run.output == ["one", "two", "three"]
    assert run.tree == "✓ main\n  │ one\n  │ two\n  │ three\n  ✓ words"
    assert run.span("words")["output"] == {"chunks": 3, "text": "onetwothree"}
    assert run.span("words")["tags"]["first_chunk_ms"] >= 0


def test_an_async_stream_is_one_span_until_its_end() -> None:
    client = instrument(Shop())

    async def body() -> list[str]:
        return [word async for word in client.words_async("one two")]

    run = ran(body)
    assert run.output == ["one", "two"] and run.span("words_async")["output"]["chunks"] == 2


def test_a_stream_that_breaks_fails_its_span_and_one_that_is_left_is_cut() -> None:
    client = instrument(Shop())

    def body() -> str:
        with pytest.raises(LookupError):
            list(client.broken_words())
        for word in client.words("one two"):
            return word
        return ""

    run = ran(body)
    assert run.output == "one" and run.span("broken_words")["status"] == "failed"
    assert run.span("words")["status"] == "success" and run.span("words")["tags"]["cut"] is True


def test_a_stream_that_the_collector_finds_is_ended_by_the_next_call() -> None:
    client = instrument(Shop())

    def body() -> None:
        circle: list[Any] = [client.words("one two")]
        next(circle[0])
        circle.append(circle)
        del circle
        gc.collect()
        assert len(results._found) == 1, "nothing is emitted while the collector runs"
        client.price("tea")

    run = ran(body)
    assert run.error is None
    assert run.span("words")["status"] == "success" and run.span("words")["tags"]["cut"] is True


def test_a_stream_that_is_kept_open_lets_the_play_wait() -> None:
    client = instrument(Shop())

    def body() -> str:
        stream = client.words("one two")
        first = next(stream)
        return flow.pause("go on") + first

    assert ran(body, answers={"go on": "yes "}).output == "yes one"


def test_context_managers_are_one_span_until_they_are_left() -> None:
    client = instrument(Shop())

    async def body() -> list[str]:
        with client.session("a") as name:
            found = [name]
        async with client.session_async("b") as names:
            found += list(names)
        with pytest.raises(LookupError), client.session("c"):
            raise LookupError("left")
        return found

    run = ran(body)
    assert run.output == ["a", "b"]
    assert run.tree == "✓ main\n  ✓ session\n  ✓ session_async\n  ✗ session  LookupError: left"
    assert run.spans[1]["output"] == "a"


def test_what_the_client_prints_or_calls_belongs_to_its_span() -> None:
    @flow
    def tool(n: int) -> int:
        return n + 1

    class Runner:
        def run(self, fn: Any) -> int:
            return fn(1)

    assert ran(lambda: instrument(Runner()).run(tool)).tree == "✓ main\n  ✓ run\n    ✓ tool"


def test_what_names_say_is_secret_is_not_shown() -> None:
    class Api:
        def login(self, user: str, password: str, headers: Any, url: str) -> dict[str, Any]:
            return {"access_token": "t-1", "max_tokens": 5, "user": user}

    headers = {"Authorization": "Bearer abc123def", "X-Api-Key": "k-1", "Accept": "json"}
    run = ran(lambda: instrument(Api()).login("ada", "pw-1", headers, "https://me:pw-2@host/?token=t-2&page=3")["user"])
    span = run.span("login")
    shown = str(span)
    assert run.output == "ada" and not any(
        secret in shown for secret in ("pw-1", "pw-2", "t-1", "t-2", "k-1", "abc123")
    )
    assert span["tags"]["arguments"]["url"] == "https://(redacted)@host/?token=(redacted)&page=3"
    assert span["tags"]["arguments"]["headers"]["Accept"] == "json" and span["output"]["max_tokens"] == 5


def test_sizes_are_bounded() -> None:
    class Big:
        def echo(self, text: str, many: list[int]) -> dict[str, Any]:
            return {"text": text, "many": many, "data": b"x" * 1000}

    run = ran(lambda: len(instrument(Big()).echo("x" * 1_000_000, list(range(100_000)))["text"]))
    span = run.span("echo")
    assert run.output == 1_000_000 and len(str(span["tags"])) < 40_000 and len(str(span["output"])) < 100_000
    assert "more characters" in span["output"]["text"] and "more" in str(span["output"]["many"][-1])


def test_nothing_that_is_only_shown_can_end_a_call() -> None:
    class Evil(dict):  # type: ignore[type-arg]
        def items(self) -> Any:
            raise RuntimeError("no looking")

    class Api:
        def get(self, what: Any) -> Any:
            return what

    run = ran(lambda: instrument(Api()).get(Evil(a=1))["a"])
    assert run.output == 1 and run.span("get")["status"] == "success"


def test_a_stream_that_the_collector_finds_after_the_last_call_is_ended_with_the_play() -> None:
    client = instrument(Shop())

    def body() -> None:
        circle: list[Any] = [client.words("one two")]
        next(circle[0])
        circle.append(circle)
        del circle
        gc.collect()

    run = ran(body)
    assert run.error is None
    assert run.span("words")["status"] == "success" and run.span("words")["tags"]["cut"] is True


def test_a_copy_is_instrumented_and_pickling_says_what_to_do() -> None:
    shop = Shop()
    client = instrument(shop)
    for copied in (copy.copy(client), copy.deepcopy(client)):
        assert isinstance(copied, Shop) and copied != client
        assert ran(lambda copied=copied: copied.price("tea")["price"]).tree == "✓ main\n  ✓ price"
    assert copy.copy(client).items is shop.items and copy.deepcopy(client).items is not shop.items
    with pytest.raises(TypeError, match="an instrumented Shop cannot be pickled: pickle the Shop itself"):
        pickle.dumps(client)
    with pytest.raises(AttributeError):
        object.__getattribute__(client, "__dict__")


class Login(NamedTuple):
    user: str
    password: str


def test_secrets_in_named_tuples_and_camel_case_are_not_shown() -> None:
    class Api:
        def login(self, login: Login, apiToken: str) -> list[Login]:
            return [login]

    run = ran(lambda: len(instrument(Api()).login(Login("ada", "pw-1"), "t-1")))
    assert run.span("login")["tags"]["arguments"] == {
        "login": {"user": "ada", "password": "(redacted)"},
        "apiToken": "(redacted)",
    }
    assert run.span("login")["output"] == [{"user": "ada", "password": "(redacted)"}]


def test_the_error_of_a_call_is_shown_without_the_secrets_of_its_url() -> None:
    class Api:
        def get(self) -> None:
            raise LookupError("404 for https://me:pw-1@host/a?page=3&api_key=k-1")

    error = ran(lambda: instrument(Api()).get()).span("get")["error"]
    assert error["message"] == "404 for https://(redacted)@host/a?page=3&api_key=(redacted)"
    assert "pw-1" not in error["traceback"] and "k-1" not in error["traceback"]
