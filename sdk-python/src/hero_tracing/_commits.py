"""Commits and requests: what leaves the play, and what waits for it.

Rules:
 1. An outcome is committed before its step returns (I3), unless the play is pipelined (`_pipeline`).
 2. Before a request leaves the play, all that a pipelined play sent is committed.
"""

from __future__ import annotations

from collections.abc import Callable

from ._errors import Refused
from ._session import Reply, Session


class Commit:
    """The effect of committing one step (`step_json`); gives the error of an outcome that is refused."""

    __slots__ = ("session", "step", "now")

    def __init__(self, session: Session, step: str, now: bool = False) -> None:
        self.session = session
        self.step = step
        self.now = now  # also in a pipelined play

    def perform(self) -> Refused | None:
        return refusal(self.session.commits.commit(self.step, self.now))

    async def perform_async(self) -> Refused | None:
        return refusal(await self.session.commits.commit_async(self.step, self.now))

    def post(self, replied: Callable[[Refused | None], None]) -> None:
        """The same for a caller that does not wait: `replied` is called with what `perform` gives, perhaps in another thread."""
        self.session.commits.post(self.step, lambda reply: replied(refusal(reply)))


def refusal(reply: Reply) -> Refused | None:
    if reply.get("t") != "refused":
        return None
    return Refused(reply.get("code", ""), reply.get("message", ""))


def request_in_turn(session: Session, kind: str, body: str) -> Reply:
    """The reply of a request, in the turn of this thread."""
    ticket = session.turns.threads.ticket()
    if ticket is None:
        return session.lane.request(kind, body)
    try:
        reply = session.lane.request(kind, body, ticket.arrived)
    except BaseException:
        ticket.leave()
        raise
    ticket.wait()
    return reply


class Request:
    """The effect of a frame to the executor: its name, and the JSON of its other fields without braces. Gives the reply."""

    __slots__ = ("_session", "_kind", "_body")

    def __init__(self, session: Session, kind: str, body: str) -> None:
        self._session = session
        self._kind = kind
        self._body = body

    def perform(self) -> Reply:
        self._session.commits.drain()
        return request_in_turn(self._session, self._kind, self._body)

    async def perform_async(self) -> Reply:
        await self._session.commits.drain_async()
        return await self._session.lane.request_async(self._kind, self._body)


class DurableCommits:
    """Each outcome is a request of its own; the executor makes groups of them."""

    busy = False

    def __init__(self, session: Session) -> None:
        self._session = session

    def _frame(self, step: str) -> str:
        return f'"steps":[{step}],{self._session.told()}'

    def commit(self, step: str, now: bool = False) -> Reply:
        return request_in_turn(self._session, "commit", self._frame(step))

    async def commit_async(self, step: str, now: bool = False) -> Reply:
        return await self._session.lane.request_async("commit", self._frame(step))

    def post(self, step: str, replied: Callable[[Reply], None]) -> None:
        self._session.lane.post("commit", self._frame(step), replied)

    def drain(self) -> None:
        """Returns immediately: each step has waited for its own commit."""

    async def drain_async(self) -> None:
        """As `drain`."""
