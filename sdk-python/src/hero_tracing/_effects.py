"""Effects: a call is one generator for sync and async code, and each operation that may block is an effect with two halves.

A generator yields an effect, and gets back the result of performing it, or the error that it raised. Only the two functions
here know whether the caller waits in a thread or in an event loop.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Effect(Protocol):
    """An operation that may block."""

    def perform(self) -> Any: ...
    async def perform_async(self) -> Any: ...


Effects = Generator[Effect, Any, T]


def run(effects: Effects[T]) -> T:
    """Performs each effect in this thread, also inside a coroutine.

    >>> class Twice:
    ...     def __init__(self, n): self.n = n
    ...     def perform(self): return 2 * self.n
    ...     async def perform_async(self): return 2 * self.n
    >>> def effects():
    ...     first = yield Twice(1)
    ...     return (yield Twice(first))
    >>> run(effects())
    4
    """
    try:
        effect = next(effects)
        while True:
            try:
                reply = effect.perform()
            except BaseException as error:
                effect = effects.throw(error)
            else:
                effect = effects.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result


async def run_async(effects: Effects[T]) -> T:
    """Awaits each effect."""
    try:
        effect = next(effects)
        while True:
            try:
                reply = await effect.perform_async()
            except BaseException as error:
                effect = effects.throw(error)
            else:
                effect = effects.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result
