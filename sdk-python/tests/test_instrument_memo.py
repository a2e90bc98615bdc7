"""Instrumented calls that are remembered: `instrument(client, memo=True)`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from shop_client import Shop, ran

from hero_tracing import ArgumentNotJson, OptionError, ResultNotJson, flow, instrument


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
