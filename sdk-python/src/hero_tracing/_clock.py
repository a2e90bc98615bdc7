"""The clock by which a flow sleeps and reads the time; a test sets one that skips sleeps (`hero_tracing.testing`)."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone


class Clock:
    """The real one."""

    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SkippingClock(Clock):
    """Stands still but for sleeps, which take no time.

    >>> clock = SkippingClock(datetime(2026, 1, 1, tzinfo=timezone.utc))
    >>> clock.sleep(3600)
    >>> clock.now().hour
    1
    """

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)


_clock = Clock()


def clock() -> Clock:
    return _clock


def use(other: Clock) -> Clock:
    """Uses this clock from now on; returns the one before."""
    global _clock
    before, _clock = _clock, other
    return before
