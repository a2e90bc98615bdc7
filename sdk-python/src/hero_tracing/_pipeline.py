"""Pipelined commits: outcomes go on in order, in groups, while the play works on (docs/protocol.md, section 4).

Rules:
 1. One request is under way at a time, and outcomes that arrive meanwhile go into the next: what is committed is a prefix of what ran.
 2. The outcomes under way are bounded in number and size; beyond, a step waits for room.
 3. `drain` returns when everything that was added before is committed. An outcome that was refused ends the play there.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import NoReturn

from ._ending import end_failed
from ._errors import Refused
from ._futures import resolve
from ._session import Reply, Session
from ._thread_turns import Ticket

MOST_STEPS = 1000
MOST_BYTES = 16 * 1024 * 1024
GROUP_BYTES = 4 * 1024 * 1024
DONE: Reply = {"t": "done"}


class PipelinedCommits:
    """Sends steps in a thread of its own."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: list[str] = []
        self._steps = 0  # added and not committed yet
        self._bytes = 0
        self._idle = True
        self._thread: threading.Thread | None = None
        self._refused: str | None = None
        self._calls: list[Callable[[], object]] = []  # of coroutines that wait until all is committed

    def commit(self, step: str, now: bool = False) -> Reply:
        if not now:
            ticket = self._session.turns.threads.ticket()
            self._add(step, ticket)
            if ticket is not None:
                ticket.wait()
            return DONE
        self.drain()
        return self._session.lane.request("commit", f'"steps":[{step}],{self._session.told()}')

    async def commit_async(self, step: str, now: bool = False) -> Reply:
        if not now:
            self._add(step)
            await self._session.turns.pass_turn()
            return DONE
        await self.drain_async()
        return await self._session.lane.request_async("commit", f'"steps":[{step}],{self._session.told()}')

    def post(self, step: str, replied: Callable[[Reply], None]) -> None:
        self._add(step)
        replied(DONE)

    def _add(self, step: str, ticket: Ticket | None = None) -> None:
        """Sends one step in the background; waits while too much is under way."""
        with self._lock:
            while self._steps >= MOST_STEPS or self._bytes >= MOST_BYTES:
                self._changed.wait()
            self._waiting.append(step)
            if ticket is not None:
                ticket.arrived()
            self._steps += 1
            self._bytes += len(step)
            if self._idle:
                self._idle = False
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="hero-commits", daemon=True)
                    self._thread.start()
                self._changed.notify_all()

    def drain(self) -> None:
        with self._changed:
            while self._steps:
                self._changed.wait()
            refused = self._refused
        if refused is not None:
            self._end(refused)

    async def drain_async(self) -> None:
        """The same in a coroutine, without a thread that waits."""
        loop = asyncio.get_running_loop()
        drained: asyncio.Future[None] = loop.create_future()
        with self._changed:
            if self._steps:
                self._calls.append(lambda: loop.call_soon_threadsafe(resolve, drained))
            else:
                drained.set_result(None)
        await drained
        if self._refused is not None:
            self._end(self._refused)

    @property
    def busy(self) -> bool:
        return self._steps > 0

    def _run(self) -> None:
        session = self._session
        while True:
            with self._changed:
                while not self._waiting:
                    self._idle = True
                    self._changed.wait()
                group = self._take()
            if self._refused is None:
                reply = session.lane.request("commit", f'"steps":[{",".join(group)}],{session.told()}')
                if reply.get("t") == "refused":
                    self._refused = str(reply.get("message", ""))
            with self._changed:
                self._steps -= len(group)
                self._bytes -= sum(map(len, group))
                self._changed.notify_all()
                calls: list[Callable[[], object]] = []
                if not self._steps:
                    calls, self._calls = self._calls, calls
            for call in calls:
                call()

    def _take(self) -> list[str]:
        size = 0
        for count, step in enumerate(self._waiting):
            size += len(step)
            if count and size > GROUP_BYTES:
                group, self._waiting = self._waiting[:count], self._waiting[count:]
                return group
        group, self._waiting = self._waiting, []
        return group

    def _end(self, message: str) -> NoReturn:
        """Ends the play with the error (rule 3): the step has already returned, so that no code could catch it."""
        end_failed(
            self._session, Refused("REFUSED", f"an outcome of a pipelined play could not be committed: {message}")
        )
