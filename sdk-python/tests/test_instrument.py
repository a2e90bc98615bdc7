"""`instrument` with objects of every shape; the vendors' clients are in test_clients.py."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from hero_tracing import ArgumentNotJson, OptionError, ResultNotJson, flow, instrument
from hero_tracing._instrument import results
from hero_tracing.testing import Ran, play


class Part:
    def __init__(self, name: str) -> None:
        self.name = name

    def ask(self, question: str, *, api_key: str = "", **more: Any) -> dict[str, Any]:
        return {"answer": f"{self.name}: {question}", "token": "hidden"}


class Shop:
    """A client with one of everything."""

    limit = 3

    def __init__(self) -> None:
        self.part = Part("inner")
        self.items = ["tea"]
        self.address = SimpleNamespace(street="x")
        self.closed = False
        self.calls = 0

    def price(self, item: str, amount: int = 1) -> dict[str, Any]:
        self.calls += 1
        return {"item": item, "price": 3 * amount}

    async def price_async(self, item: str) -> str:
        await asyncio.sleep(0)
        self.calls += 1
        return item.upper()

    def fail(self) -> None:
        raise LookupError("sold out")

    async def fail_async(self) -> None:
        raise LookupError("sold out")

    def words(self, text: str) -> Iterator[str]:
        self.calls += 1
        yield from text.split()

    async def words_async(self, text: str) -> AsyncIterator[str]:
        self.calls += 1
        for word in text.split():
            yield word

    def broken_words(self) -> Iterator[str]:
        yield "one"
        raise LookupError("cut")

    @contextlib.contextmanager
    def session(self, name: str) -> Iterator[str]:
        yield name
        self.closed = True

    @contextlib.asynccontextmanager
    async def session_async(self, name: str) -> AsyncIterator[Iterator[str]]:
        yield iter([name])

    def odd(self) -> object:
        return object()

    def __call__(self, word: str) -> str:
        return word * 2

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def __len__(self) -> int:
        return 7

    def _private(self) -> str:
        return "private"

    def __repr__(self) -> str:
        return "Shop()"


def ran(body: Any, **options: Any) -> Ran:
    return play(flow(name="main")(body), **options)


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


# --- usage and cost -------------------------------------------------------------------------------------------------------------


class Model:
    def __init__(self, *replies: dict[str, Any]) -> None:
        self.replies = list(replies)

    def create(self, **_: Any) -> dict[str, Any]:
        return self.replies[0]

    def stream(self, **_: Any) -> Iterator[dict[str, Any]]:
        yield from self.replies


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (
            {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}},
            {"input_tokens": 1000, "output_tokens": 100, "cached_tokens": 400},
        ),
        (
            {"input_tokens": 1000, "output_tokens": 100, "input_tokens_details": {"cached_tokens": 400}},
            {"input_tokens": 1000, "output_tokens": 100, "cached_tokens": 400},
        ),
        (
            {"input_tokens": 600, "output_tokens": 100, "cache_read_input_tokens": 400},
            {"input_tokens": 1000, "output_tokens": 100, "cached_tokens": 400},
        ),
    ],
)
def test_usage_becomes_cost_by_the_price_table(usage: dict[str, Any], tokens: dict[str, int]) -> None:
    prices = {"m": {"input": 2, "output": 10, "cached": 0.5}}
    run = ran(lambda: bool(instrument(Model({"model": "m", "usage": usage}), prices=prices).create()))
    span = run.span("create")
    assert span["usage"] == {"model": "m", **tokens}
    assert span["cost_usd"] == run.cost_usd == pytest.approx(600 * 2e-6 + 400 * 0.5e-6 + 100 * 10e-6)


def test_the_usage_of_a_stream_is_that_of_its_last_chunks() -> None:
    chunks = (
        {
            "type": "message_start",
            "message": {"model": "claude-haiku-4-5-20251001", "usage": {"input_tokens": 10, "output_tokens": 1}},
        },
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi."}},
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 30}},
    )
    run = ran(lambda: len(list(instrument(Model(*chunks)).stream())))
    span = run.span("stream")
    assert span["usage"] == {"model": "claude-haiku-4-5-20251001", "input_tokens": 10, "output_tokens": 30}
    assert span["cost_usd"] == pytest.approx(10e-6 + 150e-6) and span["output"] == {"chunks": 3, "text": "Hi."}


def test_a_model_without_a_price_has_tokens_and_no_cost() -> None:
    reply = {"model": "unheard-of", "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    span = ran(lambda: bool(instrument(Model(reply)).create())).span("create")
    assert span["cost_usd"] == 0 and span["usage"]["output_tokens"] == 2
    assert span["tags"]["cost"] == "unknown: no price for unheard-of"


def test_long_prompts_and_cache_writes_have_prices_of_their_own() -> None:
    usage = {
        "input_tokens": 0, "output_tokens": 0, "cache_creation_input_tokens": 200_000,
        "cache_creation": {"ephemeral_1h_input_tokens": 100_000},
    }  # fmt: skip
    span = ran(lambda: bool(instrument(Model({"model": "claude-haiku-5-5", "usage": usage})).create())).span("create")
    assert span["cost_usd"] == pytest.approx(0.1 * 0.625 + 0.1 * 1.0)


@pytest.mark.parametrize(
    "wrong",
    [{"m": 1}, {"m": {"input": 1}}, {"m": {"input": 1, "output": -1}}, {"m": {"input": 1, "output": 1, "x": 2}}, 3],
)
def test_a_wrong_price_is_refused_with_an_example(wrong: Any) -> None:
    with pytest.raises(OptionError, match=r'for example \{"my-model": \{"input": 2.5, "output": 10\}\}'):
        instrument(Shop(), prices=wrong)


# --- memo -------------------------------------------------------------------------------------------------------------------------


def test_with_memo_a_call_outside_a_step_is_remembered() -> None:
    shop = Shop()
    client = instrument(shop, memo=True)

    def body() -> list[Any]:
        return [client.price("tea"), list(client.words("one two")), client.price("tea")]

    first = ran(body)
    assert (
        first.output == [{"item": "tea", "price": 3}, ["one", "two"], {"item": "tea", "price": 3}] and shop.calls == 3
    )
    assert first.tree == "✓ main\n  ✓ price\n    ✓ price\n  ✓ words\n    ✓ words\n  ✓ price\n    ✓ price"
    again = first.again()
    assert again.output == first.output and shop.calls == 3
    assert again.tree == "✓ main\n  ↺ price\n  ↺ words\n  ↺ price"


def test_without_memo_a_call_runs_in_each_attempt_and_inside_a_step_it_is_part_of_the_step() -> None:
    shop = Shop()
    plain, remembering = instrument(shop), instrument(shop, memo=True)

    @flow
    def step() -> Any:
        return remembering.price("milk")

    @flow(memo=False)
    def block() -> Any:
        return remembering.price("bread")

    run = ran(lambda: [plain.price("tea"), step(), block()])
    assert run.tree == "✓ main\n  ✓ price\n  ✓ step\n    ✓ price\n  ✓ block\n    ✓ price\n      ✓ price"
    assert run.again().tree == "✓ main\n  ✓ price\n  ↺ step\n  ✓ block\n    ↺ price" and shop.calls == 4


def test_async_calls_and_streams_are_remembered_and_so_are_errors() -> None:
    shop = Shop()
    client = instrument(shop, memo=True)

    async def body() -> list[Any]:
        both = await asyncio.gather(client.price_async("a"), client.price_async("b"))
        words = [word async for word in client.words_async("one two")]
        try:
            await client.fail_async()
        except LookupError as error:
            return [*both, *words, str(error)]
        return []

    first = ran(body)
    assert first.output == ["A", "B", "one", "two", "sold out"] and shop.calls == 3
    again = first.again()
    assert again.output == first.output and shop.calls == 3 and again.tree.count("↺") == 4


def test_memo_needs_arguments_and_results_that_are_json() -> None:
    client = instrument(Shop(), memo=True)
    with pytest.raises(
        ArgumentNotJson, match=r"arguments\.item: .*object is not JSON.* make the call in a step \(@flow\) of your own"
    ):
        ran(lambda: client.price(object())).output  # noqa: B018
    with pytest.raises(ResultNotJson, match=r"a value of type object is not JSON, so memo=True cannot remember it"):
        ran(lambda: client.odd()).output  # noqa: B018
    with pytest.raises(OptionError, match="which memo=True cannot remember: ask for the whole reply"):
        ran(lambda: client.session("a")).output  # noqa: B018
    with pytest.raises(OptionError, match="memo must be True or False"):
        instrument(Shop(), memo="yes")  # type: ignore[arg-type]
