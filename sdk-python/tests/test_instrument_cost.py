"""Tokens and cost of instrumented calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from shop_client import Shop, ran

from hero_tracing import OptionError, instrument


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


def test_what_another_client_has_paid_for_costs_once() -> None:
    prices = {"m": {"input": 2, "output": 10}}
    reply = {"model": "m", "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}
    inner = instrument(Model(reply), prices=prices)

    class Wrapper:
        def ask(self) -> Any:
            return inner.create()

        def stream(self) -> Iterator[Any]:
            yield from inner.stream()

    outer = instrument(Wrapper(), prices=prices)
    once = pytest.approx(1000 * 2e-6 + 100 * 10e-6)
    asked = ran(lambda: bool(outer.ask()))
    assert asked.tree == "✓ main\n  ✓ ask\n    ✓ create"
    assert asked.cost_usd == asked.span("create")["cost_usd"] == once and asked.span("ask")["cost_usd"] == 0
    assert ran(lambda: len(list(outer.stream()))).cost_usd == once
    assert ran(lambda: [bool(outer.ask()), bool(inner.create())]).cost_usd == pytest.approx(2 * 0.003)
