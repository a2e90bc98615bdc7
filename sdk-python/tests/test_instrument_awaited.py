"""Instrumented methods that give something to await: coroutines, futures, and clients that must be connected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest
from shop_client import ran

from hero_tracing import instrument
from hero_tracing.testing import Ran

if TYPE_CHECKING:
    from typing import Self


def ran_async(body: Callable[[], Awaitable[Any]], **options: Any) -> Ran:
    async def main() -> Any:
        return await body()

    return ran(main, **options)


class Deferring:
    """A client with plain methods that give something to await."""

    async def _work(self, item: str) -> str:
        await asyncio.sleep(0)
        if item == "bad":
            raise LookupError("sold out")
        return item.upper()

    def coroutine(self, item: str) -> Coroutine[Any, Any, str]:
        return self._work(item)

    def future(self, item: str) -> asyncio.Future[str]:
        return asyncio.ensure_future(self._work(item))


@pytest.mark.parametrize("method", ["coroutine", "future"])
@pytest.mark.parametrize("how", ["await", "gather"])
def test_a_plain_method_that_gives_something_to_await_is_one_span_until_that_is_done(method: str, how: str) -> None:
    call = getattr(instrument(Deferring()), method)

    async def one(item: str) -> Any:
        if how == "await":
            return await call(item)
        return (await asyncio.gather(call(item), return_exceptions=True))[0]

    good = ran_async(lambda: one("tea"))
    assert good.output == "TEA"
    span = good.span(method)
    assert span["output"] == "TEA" and span["status"] == "success" and "cut" not in span["tags"]

    async def failing() -> str:
        try:
            return str(await one("bad"))
        except LookupError as error:
            return str(error)

    bad = ran_async(failing)
    assert bad.output == "sold out" and bad.span(method)["error"]["type"] == "LookupError"


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_a_coroutine_that_nobody_awaits_ends_its_span() -> None:
    client = instrument(Deferring())

    async def body() -> None:
        client.coroutine("tea")

    assert ran_async(body).span("coroutine")["tags"]["cut"] is True


class Connecting:
    async def connect(self) -> Self:
        await asyncio.sleep(0)
        return self

    async def price(self, item: str) -> str:
        return item

    def with_options(self) -> Self:
        return self


@pytest.mark.parametrize("memo", [False, True])
def test_an_async_method_that_gives_the_client_is_a_call_and_gives_an_instrumented_one(memo: bool) -> None:
    client = instrument(Connecting(), memo=memo)

    async def body() -> str:
        connected = await client.with_options().connect()
        return await connected.price("tea")

    run = ran_async(body)
    assert run.output == "tea" and run.span("connect")["kind"] == "rpc"
    assert run.tree.startswith("✓ main\n  ✓ connect\n  ✓ price")

    class Fake:
        async def connect(self) -> Fake:
            return self

        async def price(self, item: str) -> str:
            return f"faked {item}"

    assert ran_async(body, fakes={Connecting: Fake()}).output == "faked tea"
