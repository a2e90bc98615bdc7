"""A short sleep inside the process."""

from __future__ import annotations

from ._clock import clock

SHORT_SECONDS = 2.0  # a longer sleep is a timer of the runtime, and the process may exit


class Sleep:
    """The effect of sleeping, in seconds."""

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def perform(self) -> None:
        clock().sleep(self._seconds)

    async def perform_async(self) -> None:
        await clock().sleep_async(self._seconds)
