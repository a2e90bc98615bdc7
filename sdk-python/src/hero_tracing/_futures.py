"""Futures of asyncio that the runtime resolves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Waiting(asyncio.Future[Any]):
    """A branch waits for its turn, an answer or a worker: nothing that the loop could bring about by itself."""


def resolve(future: asyncio.Future[Any], value: Any = None) -> bool:
    """Lets a coroutine go on; False: it was cancelled meanwhile."""
    if future.done():
        return False
    future.set_result(value)
    return True


def hand_over(loop: asyncio.AbstractEventLoop, hand_out: Callable[[], bool], first: bool = False) -> None:
    """From any thread: the loop calls it in its turn (`_turns`), in the order in which it came."""
    turns = getattr(loop, "_hero_turns", None)
    try:
        if turns is not None:
            turns.arrived(hand_out, first)
        else:
            loop.call_soon_threadsafe(hand_out)
    except RuntimeError:  # the loop is closed: nobody waits any more
        pass
