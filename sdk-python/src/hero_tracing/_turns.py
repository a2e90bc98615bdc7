"""The turns of an event loop: what arrives from memory or from the executor is handed out one item at a time.

A replay takes the turns that the first run took, as in Temporal's Python SDK. An event loop is deterministic except for its
input, so this module delivers the input in one order, and only when the loop has nothing else to do.

Rules:
 1. This module acts when the loop is about to block in `select`: nothing is ready and no timer is due. Pending I/O goes first.
 2. Then the first remembered item, in the order of the commits, is handed out, if a branch asked for it. One item makes one
    turn: the loop runs until it is idle again.
 3. If no branch has asked for the first item yet, the others wait for it while a timer, I/O or a thread may still lead to it:
    for `PATIENCE` seconds in all for a play, but for `SLEEP_PATIENCE` while somebody sleeps, because the first run slept as
    long. Then the item is passed over: the code of the flow is not deterministic there.
 4. Only when no remembered item is left, what arrived from the executor (replies, answers, timeouts) is handed out, in the
    order of its arrival. A later replay finds it in the same order.
 5. Questions are sent when nothing is left to be handed out (`_questions`).
 6. Sync code blocks, so it takes what it asks for immediately. But threads that carry a flow's context take turns, with the
    loops (`_thread_turns`).
 7. A branch that runs alone takes the first item without a turn of the loop: no other branch could go first.
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

from . import _loop_idle
from ._futures import Waiting, resolve
from ._session import Session
from ._thread_turns import ThreadTurns, Ticket

PATIENCE = 1.0
SLEEP_PATIENCE = 30.0
A_LOOK = (
    0.0005  # seconds between two checks whether it is a thread's turn, and between two of a loop while threads work
)
STANDSTILL = 0.05
HandOut = Callable[[], bool]  # hands one item out; False: it made no turn, because no branch continues with it


class LoopTurns:
    """The turns of one event loop."""

    def __init__(self, session: Session, loop: Any) -> None:
        self.session = session
        self.loop = loop
        self.tasks: set[asyncio.Task[Any]] = set()  # of the play, not done yet
        self.idle = False  # it blocks in `select`
        self._asked: dict[str, HandOut] = {}
        self._arrived: deque[tuple[HandOut, Ticket | None]] = deque()
        self._selector = loop._selector
        self._plain_select = self._selector.select
        self.thread = 0
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
        """Returns when the item that memory holds at this place may be taken."""
        waiting = Waiting(loop=self.loop)
        self._asked[place] = partial(resolve, waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            self._asked.pop(place, None)
            self.session.memory.drop(place)
            raise

    def expect(self, place: str, hand_out: HandOut) -> None:
        """Calls `hand_out`, which takes the remembered item at this place, when it is its turn."""
        self._asked[place] = hand_out

    def forget(self, place: str) -> None:
        """No branch waits for this place any more."""
        if self._asked.pop(place, None) is not None:
            self.session.memory.drop(place)

    async def pass_turn(self) -> None:
        """Returns when everything that arrived earlier has been handed out."""
        waiting = Waiting(loop=self.loop)
        self._arrived.append((partial(resolve, waiting), None))
        await waiting

    def arrived(self, hand_out: HandOut, first: bool = False) -> None:
        """Queues `hand_out`, from any thread; with `first`, before what is queued already."""
        threads = self.session.turns.threads
        ticket = Ticket(threads, is_alive=self.loop.is_running) if threads.given else None
        if ticket is not None:
            ticket.arrived(first=first)
        if first:
            self._arrived.appendleft((hand_out, ticket))
        else:
            self._arrived.append((hand_out, ticket))
        self.poke()

    def poke(self) -> None:
        """Makes the loop run `_select` again."""
        if threading.get_ident() != self.thread or not self.loop.is_running():
            try:
                self.loop.call_soon_threadsafe(_nothing)
            except RuntimeError:  # the loop is closed
                pass

    # --- the loop is about to block -----------------------------------------------------------------------------------

    def _select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            return self._plain_select(timeout)
        self.thread = threading.get_ident()
        session = self.session
        if session.memory.first() is None and not self._asked and not self._arrived and not session.questions:
            return self._block(timeout)
        events = self._plain_select(0)
        if events:
            return events
        threads = session.turns.threads
        if threads.given and self._is_next() and not threads.rest():
            return self._block(A_LOOK)
        if self._hand_out():
            return events
        if threads.given and self._arrived and session.memory.first() is None:
            return self._block(A_LOOK)
        if session.memory.first() is not None and (self._asked or self._arrived or session.questions):
            sleeps = _loop_idle.has_timer(self.loop)
            patience = session.turns.sleep_patience if sleeps else session.turns.patience
            if patience > 0 and self._may_lead_on():
                began, first = monotonic(), session.memory.first()
                if session.turns.jobs or threads.given:
                    patience = A_LOOK
                events = self._block(patience if timeout is None else min(timeout, patience))
                if session.memory.first() == first:
                    session.turns.waited(monotonic() - began, sleeps)
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
        """Hands one item out, if it is the turn of one; returns whether it did."""
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
            hand_out, ticket = self._arrived[0]
            if ticket is not None:
                if not self.session.turns.threads.is_first(ticket):
                    return False
                ticket.leave()
            self._arrived.popleft()
            if hand_out():
                return True
        return False

    def _is_next(self) -> bool:
        """Something of this loop would be handed out now."""
        first = self.session.memory.first()
        return first in self._asked if first is not None else bool(self._arrived)

    # --- what may go on -----------------------------------------------------------------------------------------------

    def _may_lead_on(self) -> bool:
        """Whether a timer, I/O or a thread may still lead to the first item (rule 3)."""
        return (
            _loop_idle.has_timer(self.loop)
            or _loop_idle.has_connection(self._selector)
            or self.session.tree.thread_works()
            or self.session.turns.others_run(self)
        )

    def stuck(self) -> bool:
        """No branch of this loop can go on without an answer."""
        if self._asked or self._arrived or _loop_idle.has_timer(self.loop):
            return False
        last = self._last_active
        if last is not None and not last.done() and _loop_idle.goes_on(last, self):
            return False
        self._last_active = next(
            (task for task in self.tasks if not task.done() and _loop_idle.goes_on(task, self)), None
        )
        return self._last_active is None

    def has_connection(self) -> bool:
        return _loop_idle.has_connection(self._selector)


class Turns:
    """The event loops of a play."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.patience = PATIENCE
        self.sleep_patience = SLEEP_PATIENCE
        self.works: WeakKeyDictionary[Any, Callable[[], bool]] = (
            WeakKeyDictionary()
        )  # by future: whether a thread goes on
        self.threads = ThreadTurns(self._remembers, self._idles)
        self.jobs = 0  # threads that carry a flow's context and run
        self._loops: dict[Any, LoopTurns] = {}

    def waited(self, seconds: float, sleeps: bool) -> None:
        """A loop waited so long for the first item, and no branch has asked for it."""
        if sleeps:
            self.sleep_patience -= seconds
        else:
            self.patience -= seconds

    def here(self) -> LoopTurns | None:
        """The turns of the running loop; None if the loop is not one of asyncio's own."""
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

    def is_next(self, place: str) -> bool:
        """Whether a coroutine takes what memory holds at this place without waiting for its turn (rule 7)."""
        turns = self.here()
        return turns is None or (turns.alone and self.session.memory.first() == place)

    async def turn(self, place: str) -> None:
        """Before a coroutine takes what memory holds at this place."""
        turns = self.here()
        if turns is not None and place in self.session.memory and not self.is_next(place):
            await turns.turn(place)

    def turn_in_thread(self, place: str) -> None:
        """Before a thread takes what memory holds at this place (rule 6)."""
        memory, threads = self.session.memory, self.threads
        ticket = threads.ticket()
        if ticket is None:
            return
        first, since = memory.first(), monotonic()
        while self.patience > 0 and not memory.is_late(place):
            rest = threads.rest()
            if memory.first() in (None, place):
                if rest:
                    break
            elif memory.first() != first or not rest:
                first, since = memory.first(), monotonic()
            elif monotonic() - since > STANDSTILL:
                self.patience -= monotonic() - since
                since = monotonic()
            sleep(A_LOOK)
        ticket.leave()

    async def pass_turn(self) -> None:
        """Before a coroutine continues with an outcome whose commit it does not await (pipelined)."""
        turns = self.here()
        if turns is not None and not turns.alone:
            await turns.pass_turn()

    def _remembers(self) -> bool:
        """Something that is remembered is still to be handed out, and waited for."""
        return self.patience > 0 and self.session.memory.first() is not None

    def _idles(self, thread: int) -> bool:
        """This thread's event loop has nothing to do."""
        return any(turns.idle and turns.thread == thread and not turns.loop._ready for turns in self.running())

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
