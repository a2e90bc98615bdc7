"""Futures of asyncio that another thread resolves."""

from __future__ import annotations

import asyncio


def resolve(future: asyncio.Future[None]) -> None:
    """Lets a coroutine go on, unless it was cancelled meanwhile."""
    if not future.done():
        future.set_result(None)
