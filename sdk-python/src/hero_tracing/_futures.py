"""Futures of asyncio that the runtime resolves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Waiting(asyncio.Future[Any]):
    """A future of a branch that waits for its turn, an answer or a worker: the loop cannot resolve it by itself."""


def resolve(future: asyncio.Future[Any], value: Any = None) -> bool:
    """Lets a coroutine continue; False if it was cancelled meanwhile."""
    if future.done():
        return False
    future.set_result(value)
    return True


def hand_over(loop: asyncio.AbstractEventLoop, hand_out: Callable[[], bool], first: bool = False) -> None:
    """Makes the loop call it in its turn (`_turns`), in the order of arrival; may be called from any thread."""
    turns = getattr(loop, "_hero_turns", None)
    try:
        if turns is not None:
            turns.arrived(hand_out, first)
        else:
            loop.call_soon_threadsafe(hand_out)
    except RuntimeError:  # the loop is closed: no coroutine waits any more
        pass
