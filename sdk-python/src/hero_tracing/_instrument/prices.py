"""The price table: US dollars per million tokens.

The table was compiled on 2026-11-21 from copies of the vendors' public price pages (platform.claude.com/docs/en/about-claude/pricing,
developers.openai.com/api/docs/pricing) of October and November 2026: standard tier, text tokens. Models of which not every part of
the price was known are left out, because no cost is better than a wrong one. Your own prices go first: `instrument(client, prices={…})`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .._errors import OptionError

AS_OF = "2026-11-21"
_MILLION = 1_000_000
_KEYS = ("input", "output", "cached", "cache_write", "cache_write_1h")
_DATED = re.compile(r"(-\d{8}|-\d{4}-\d{2}-\d{2}|-latest)$")


class Price(NamedTuple):
    """Of a million tokens each. What is not given costs what input costs; `above`: a price for longer prompts, and from where."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None
    above: tuple[int, Price] | None = None

    def cost(self, usage: Mapping[str, int]) -> float:
        """The cost of what `usage.tokens` counted.

        >>> Price(2.0, 8.0, cached=0.5).cost({"input_tokens": 1_000_000, "cached_tokens": 500_000, "output_tokens": 1000})
        1.258
        """
        prompt = usage.get("input_tokens", 0)
        if self.above is not None and prompt > self.above[0]:
            _limit, longer = self.above
            cost: float = longer.cost(usage)
            return cost
        cached, written = usage.get("cached_tokens", 0), usage.get("cache_write_tokens", 0)
        written_1h = min(usage.get("cache_write_1h_tokens", 0), written)
        write = self.input if self.cache_write is None else self.cache_write
        parts = (
            (max(prompt - cached - written, 0), self.input),
            (cached, self.input if self.cached is None else self.cached),
            (written - written_1h, write),
            (written_1h, write if self.cache_write_1h is None else self.cache_write_1h),
            (usage.get("output_tokens", 0), self.output),
        )
        return round(sum(tokens * price for tokens, price in parts) / _MILLION, 12)


def _claude(input: float, output: float, cached: float, above: tuple[int, Price] | None = None) -> Price:
    """A cache write costs 1.25 times the input for five minutes, and twice the input for an hour."""
    return Price(input, output, cached, input * 1.25, input * 2, above)


PRICES: dict[str, Price] = {
    "claude-fable-5-1": _claude(10, 50, 0.25),
    "claude-fable-5": _claude(10, 50, 1),
    "claude-opus-5-5": _claude(4, 20, 0.2),
    "claude-opus-5": _claude(5, 25, 0.5),
    "claude-opus-4-8": _claude(5, 25, 0.5),
    "claude-opus-4-7": _claude(5, 25, 0.5),
    "claude-opus-4-6": _claude(5, 25, 0.5),
    "claude-opus-4-5": _claude(5, 25, 0.5),
    "claude-sonnet-5-5": _claude(2, 10, 0.1),
    "claude-sonnet-5": _claude(2, 10, 0.2),
    "claude-haiku-5-5": _claude(0.1, 0.5, 0.01, (100_000, _claude(0.5, 2.5, 0.05))),
    "claude-haiku-4-5": _claude(1, 5, 0.1),
    "gpt-5.2": Price(1.75, 14, 0.175),
    "gpt-5.1": Price(1.25, 10, 0.125),
    "gpt-5": Price(1.25, 10, 0.125),
    "gpt-5-mini": Price(0.25, 2, 0.025),
    "gpt-4.1": Price(2, 8, 0.5),
    "gpt-4o": Price(2.5, 10, 1.25),
    "gpt-4o-mini": Price(0.15, 0.6, 0.075),
}


def table(given: Mapping[str, Any] | None) -> dict[str, Price]:
    """The prices of one client: its own before the built-in ones.

    >>> table({"my-model": {"input": 1, "output": 2}})["my-model"].output
    2.0
    """
    if given is None:
        return PRICES
    if not isinstance(given, Mapping):
        raise OptionError(f"instrument: prices must be a mapping of model names to prices, {_EXAMPLE}, not {given!r}")
    return {**PRICES, **{str(model): _price(str(model), price) for model, price in given.items()}}


_EXAMPLE = 'for example {"my-model": {"input": 2.5, "output": 10}} in dollars per million tokens'


def _price(model: str, price: Any) -> Price:
    if isinstance(price, Price):
        return price
    fits = isinstance(price, Mapping) and {"input", "output"} <= set(price) <= set(_KEYS)
    if not fits or not all(_is_amount(amount) for amount in price.values()):
        raise OptionError(
            f"instrument: the price of {model!r} needs input and output and may have {', '.join(_KEYS[2:])}, {_EXAMPLE}; not {price!r}"
        )
    amounts = [float(price[name]) if name in price else None for name in _KEYS]
    return Price(*amounts)  # type: ignore[arg-type]


def _is_amount(amount: Any) -> bool:
    return isinstance(amount, (int, float)) and not isinstance(amount, bool) and 0 <= amount < float("inf")


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """The price of a model, whose name may end in a date; None where it is unknown.

    >>> price_of("gpt-4o-2024-08-06", PRICES) is PRICES["gpt-4o"], price_of("gpt-4o-audio", PRICES)
    (True, None)
    """
    return prices.get(model) or prices.get(_DATED.sub("", model))
