"""The turns of an event loop: what comes from memory or from the executor is handed out one at a time.

A replay takes the turns that the first run took, as Temporal's Python SDK does it. An event loop is deterministic but for
what comes from outside, so what comes from outside comes in one order, and only when the loop has nothing else to do.

Rules:
 1. The loop is looked at when it is about to block in `select`: nothing is ready and no timer is due. I/O that is there goes
    first.
 2. Then the first thing that memory holds in the order of the commits is handed out, if a branch asked for it. One thing
    makes one turn: the loop goes on until it is idle again.
 3. Where nobody asked for the first one yet, the others wait for it while something may still lead there (a timer, I/O, a
    thread), `PATIENCE` seconds in all for a play. Then it is passed over, and the play goes on as code does that is not
    deterministic.
 4. Only when nothing is remembered any more what arrived from the executor is handed out (replies, answers, timeouts), in the
    order in which it came: that is the order in which a later replay finds it.
 5. Questions are sent when nothing is left to be handed out (`_questions`).
 6. Sync code blocks, so it takes what it asks for at once. But a thread that carries a flow's context beside others waits for
    its turn as well, as long as what is first goes on being taken.
 7. A branch that is alone takes what is first without a turn of the loop: there is nobody whose turn it could be.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic, sleep
from typing import Any
from weakref import WeakKeyDictionary

from . import _rest
from ._futures import Waiting, resolve
from ._session import Session

PATIENCE = 1.0
A_LOOK = 0.0005  # how often a thread looks whether it is its turn, and a loop while threads work
STANDSTILL = 0.05
HandOut = Callable[[], bool]  # hands one thing out; False: it made no turn, as nobody goes on with it


class LoopTurns:
    """The turns of one event loop."""

    def __init__(self, session: Session, loop: Any) -> None:
        self.session = session
        self.loop = loop
        self.tasks: set[asyncio.Task[Any]] = set()  # of the play, not done yet
        self.idle = False  # it blocks in `select`
        self._asked: dict[str, HandOut] = {}
        self._arrived: deque[HandOut] = deque()
        self._selector = loop._selector
        self._plain_select = self._selector.select
        self._thread = 0
        self._last_active: asyncio.Task[Any] | None = None
        self._selector.select = self._select
        loop._hero_turns = self
        session.tree.watch_threads()

    # --- what is handed out -------------------------------------------------------------------------------------------

    @property
    def alone(self) -> bool:
        """No other branch of the play runs in this loop."""
        return len(self.tasks) < 2 and not self._arrived and not self._asked

    async def turn(self, place: str) -> None:
        """Returns when what memory holds at this place may be taken."""
        waiting = Waiting(loop=self.loop)
        self._asked[place] = partial(resolve, waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            self._asked.pop(place, None)
            self.session.memory.drop(place)
            raise

    def expect(self, place: str, hand_out: HandOut) -> None:
        """`hand_out` takes what memory holds at this place when it is its turn."""
        self._asked[place] = hand_out

    def forget(self, place: str) -> None:
        """Nobody waits for it any more."""
        if self._asked.pop(place, None) is not None:
            self.session.memory.drop(place)

    async def pass_turn(self) -> None:
        """Goes on when everything that came before was handed out."""
        waiting = Waiting(loop=self.loop)
        self._arrived.append(partial(resolve, waiting))
        await waiting

    def arrived(self, hand_out: HandOut, first: bool = False) -> None:
        """From any thread. `first`: before what waits already."""
        if first:
            self._arrived.appendleft(hand_out)
        else:
            self._arrived.append(hand_out)
        self.poke()

    def poke(self) -> None:
        """Makes the loop look again."""
        if threading.get_ident() != self._thread or not self.loop.is_running():
            try:
                self.loop.call_soon_threadsafe(_nothing)
            except RuntimeError:  # it is closed
                pass

    # --- the loop is about to block -----------------------------------------------------------------------------------

    def _select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            return self._plain_select(timeout)
        self._thread = threading.get_ident()
        session = self.session
        if session.memory.first() is None and not self._asked and not self._arrived and not session.questions:
            return self._block(timeout)
        events = self._plain_select(0)
        if events:
            return events
        if self._hand_out():
            return events
        if session.memory.first() is not None and (self._asked or self._arrived or session.questions):
            patience = session.turns.patience
            if patience > 0 and self._may_lead_on():
                began = monotonic()
                if session.turns.jobs:
                    patience = A_LOOK
                events = self._block(patience if timeout is None else min(timeout, patience))
                session.turns.patience -= monotonic() - began
                return events
            while session.memory.first() is not None:
                session.memory.pass_over()
                if self._hand_out():
                    return events
            if self._hand_out():
                return events
        if session.memory.first() is None:
            wait = session.questions.idle(self)
            if wait is not None:
                timeout = wait if timeout is None else min(wait, timeout)
        return self._block(timeout)

    def _block(self, timeout: float | None) -> Any:
        self.idle = True
        try:
            return self._plain_select(timeout)
        finally:
            self.idle = False

    def _hand_out(self) -> bool:
        """Hands one thing out, if something is there whose turn it is."""
        memory = self.session.memory
        if memory.has_late:
            for place in [place for place in self._asked if memory.is_late(place)]:
                if self._asked.pop(place)():
                    return True
        while (first := memory.first()) is not None and first in self._asked:
            if self._asked.pop(first)():
                return True
            memory.drop(first)
        if first is not None:
            self.session.turns.poke_others(self)
            return False
        while self._arrived:
            if self._arrived.popleft()():
                return True
        return False

    # --- what may go on -----------------------------------------------------------------------------------------------

    def _may_lead_on(self) -> bool:
        """Rule 3."""
        return (
            _rest.has_timer(self.loop)
            or _rest.has_connection(self._selector)
            or self.session.tree.thread_works()
            or self.session.turns.others_run(self)
        )

    def stuck(self) -> bool:
        """No branch of this loop can go on without an answer."""
        if self._asked or self._arrived or _rest.has_timer(self.loop):
            return False
        last = self._last_active
        if last is not None and not last.done() and _rest.goes_on(last, self):
            return False
        self._last_active = next((task for task in self.tasks if not task.done() and _rest.goes_on(task, self)), None)
        return self._last_active is None

    def has_connection(self) -> bool:
        return _rest.has_connection(self._selector)


class Turns:
    """The event loops of a play."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.patience = PATIENCE
        self.works: WeakKeyDictionary[Any, Callable[[], bool]] = (
            WeakKeyDictionary()
        )  # by future: whether a thread goes on
        self.in_thread = threading.local()  # `job`: this thread carries a flow's context
        self.jobs = 0  # threads that carry a flow's context and run
        self._loops: dict[Any, LoopTurns] = {}

    def here(self) -> LoopTurns | None:
        """Those of the running loop; None: it cannot be looked at (it is not one of asyncio's own)."""
        return self._of(asyncio.get_running_loop())

    def _of(self, loop: Any) -> LoopTurns | None:
        found = self._loops.get(loop)
        if found is None and getattr(loop, "_selector", None) is not None and hasattr(loop, "_ready"):
            for closed in [loop for loop in list(self._loops) if loop.is_closed()]:
                del self._loops[closed]
            found = self._loops[loop] = LoopTurns(self.session, loop)
        return found

    def running(self) -> list[LoopTurns]:
        return [turns for turns in list(self._loops.values()) if turns.loop.is_running()]

    def joined(self, task: asyncio.Task[Any]) -> None:
        """A Task of the play runs in this loop until it is done."""
        turns = self._of(task.get_loop())
        if turns is not None:
            turns.tasks.add(task)
            task.add_done_callback(turns.tasks.discard)

    async def turn(self, place: str) -> None:
        """Before a coroutine takes what memory holds at this place."""
        memory = self.session.memory
        if place not in memory:
            return
        turns = self.here()
        if turns is None or (turns.alone and memory.first() == place):
            return
        await turns.turn(place)

    def turn_in_thread(self, place: str) -> None:
        """Before a thread takes what memory holds at this place (rule 6)."""
        memory = self.session.memory
        if not getattr(self.in_thread, "job", False):
            return
        first, since = memory.first(), monotonic()
        while first not in (None, place) and not memory.is_late(place) and self.patience > 0:
            sleep(A_LOOK)
            now = monotonic()
            if memory.first() != first:
                first, since = memory.first(), now
            elif now - since > STANDSTILL:
                self.patience -= now - since
                return
        sleep(2 * A_LOOK)  # what the one before led to goes first

    async def pass_turn(self) -> None:
        """Before a coroutine goes on with what is not waited for (a pipelined outcome)."""
        turns = self.here()
        if turns is not None and not turns.alone:
            await turns.pass_turn()

    def stuck(self) -> bool:
        """No loop can go on without an answer, and no thread works in a step."""
        running = self.running()
        return bool(running) and all(turns.stuck() for turns in running) and not self.session.tree.thread_works()

    def others_run(self, mine: LoopTurns) -> bool:
        return any(turns is not mine and not turns.idle for turns in self.running())

    def poke_others(self, mine: LoopTurns) -> None:
        for turns in self.running():
            if turns is not mine:
                turns.poke()


def _nothing() -> None:
    """A callback that only wakes a loop."""
