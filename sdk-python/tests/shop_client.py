"""A client with one of everything, for the tests of `instrument`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

from hero_tracing import flow
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
