"""Durable commits: an outcome is committed before its step returns (I3)."""

from __future__ import annotations

from collections.abc import Callable

from ._session import Reply, Session


class DurableCommits:
    """Each outcome is a request of its own; the executor makes groups of them."""

    busy = False

    def __init__(self, session: Session) -> None:
        self._session = session

    def _frame(self, step: str) -> str:
        return f'"steps":[{step}],{self._session.told()}'

    def commit(self, step: str, now: bool = False) -> Reply:
        return self._session.lane.request("commit", self._frame(step))

    async def commit_async(self, step: str, now: bool = False) -> Reply:
        return await self._session.lane.request_async("commit", self._frame(step))

    def post(self, step: str, replied: Callable[[Reply], None]) -> None:
        self._session.lane.post("commit", self._frame(step), replied)

    def drain(self) -> None:
        """Nothing is under way that nobody waits for."""

    async def drain_async(self) -> None:
        """As `drain`."""
