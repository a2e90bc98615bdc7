"""Whose turn it is among threads: what comes from memory or from the executor goes to one of them at a time, as in a loop (`_turns`).

Rules:
 1. Threads take turns while functions that carry a flow's context are in the hands of threads: those threads, the one that
    runs the entry flow, and event loops. A lone thread waits for nobody, nor do the workers of `flow.map`.
 2. Replies and answers stand in one line, in the order in which they arrived: that is the order of memory. A thread goes on
    when it is the first in the line, nothing is remembered any more, and the others rest.
 3. A thread rests where it waits for its own turn, for a reply, or in one of Python's constructs for somebody else: that is
    seen exactly. Elsewhere in those constructs, and in the runtime's own code, it goes on, however slowly. In code of the flow
    (a lock, I/O, a body that sleeps) it rests where it stays at one instruction for `STILL` seconds. A thread that never
    rests is waited for `MOST_PATIENT` seconds a turn, and for `PATIENCE` in all.
 4. A thread that blocks an event loop takes what it asks for at once: the loop's own turns could not come before.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import thread as pools
from time import monotonic, sleep
from typing import Any

PATIENCE = 1.0
MOST_PATIENT = 0.05
STILL = 0.0015
A_LOOK = 0.0005  # how often somebody looks whether the others rest
_PACKAGES = tuple(os.path.dirname(file) + os.sep for file in (__file__, asyncio.__file__, concurrent.futures.__file__))
_FILES = (threading.__file__, queue.__file__)
_BLOCKS = tuple(os.path.join(os.path.dirname(__file__), name) for name in ("_map_threads.py", "_sleep.py", "_waits.py"))
Stand = list[tuple[int, int, int, bool]]  # thread, frame, instruction, and whether it goes on

_CONDITION = threading.Condition.wait.__code__
_JOIN = getattr(getattr(threading.Thread, "_wait_for_tstate_lock", None), "__code__", None)
_START = threading.Thread.start.__code__
_WORKER = pools._worker.__code__


class Ticket:
    """The place of a thread, or of something that a loop hands out, in the line."""

    __slots__ = ("_line", "_ident", "is_alive")

    def __init__(self, line: ThreadTurns, ident: int = 0, is_alive: Callable[[], bool] = lambda: True) -> None:
        self._line = line
        self._ident = ident
        self.is_alive = is_alive

    def arrived(self, _: object = None, first: bool = False) -> None:
        """Its reply or answer is there. Called by whoever reads, in the order of the replies."""
        with self._line.lock:
            if first:
                self._line.line.appendleft(self)
            else:
                self._line.line.append(self)

    def wait(self) -> None:
        """Returns when it is its turn (rule 2)."""
        line = self._line
        while not line.is_first(self) or line.remembers() or not line.rest():
            sleep(A_LOOK)
        self.leave()

    def leave(self) -> None:
        with self._line.lock:
            if self in self._line.line:
                self._line.line.remove(self)
        self._line.went_on(self._ident)


class ThreadTurns:
    """The threads of one play that take turns."""

    def __init__(self, remembers: Callable[[], bool], is_idle: Callable[[int], bool]) -> None:
        self.lock = threading.Lock()
        self.line: deque[Ticket] = deque()
        self.given = 0  # functions with a flow's context that threads have and did not end
        self.remembers = remembers
        self._is_idle = is_idle
        self._patience = PATIENCE
        entry = threading.current_thread()
        self._threads: dict[int, threading.Thread] = {threading.get_ident(): entry}
        self._waiting: set[int] = set()  # for their turn, or for a reply
        self._seen: dict[
            int, tuple[Stand | None, float, float, float]
        ] = {}  # by who looks: what, since when, begin and end of looking

    # --- who takes part -----------------------------------------------------------------------------------------------

    def give(self, threads: list[threading.Thread]) -> None:
        """A function with a flow's context was given to one of these threads."""
        with self.lock:
            self.given += 1
        self.joined(threads)

    def joined(self, threads: list[threading.Thread]) -> None:
        for thread in threads:
            if thread.ident is not None:
                self._threads[thread.ident] = thread

    def ended(self, _: object = None) -> None:
        with self.lock:
            self.given -= 1

    def ticket(self) -> Ticket | None:
        """For a thread that is about to wait for a reply or an answer; None: it takes no turns."""
        if not self.given:
            return None
        ident = threading.get_ident()
        if ident not in self._threads or asyncio._get_running_loop() is not None:
            return None
        self._waiting.add(ident)
        return Ticket(self, ident)

    # --- whose turn it is ---------------------------------------------------------------------------------------------

    def is_first(self, ticket: Ticket) -> bool:
        with self.lock:
            while self.line and not self.line[0].is_alive():
                self.line.popleft()
            if ticket not in self.line:  # nobody read its reply: it was refused in this process
                self.line.append(ticket)
            return self.line[0] is ticket

    def went_on(self, ident: int) -> None:
        self._waiting.discard(ident)
        self._seen.pop(threading.get_ident(), None)

    def rest(self) -> bool:
        """Whether all other threads rest (rule 3). Who asks asks again a moment later."""
        me, now = threading.get_ident(), monotonic()
        stand = self._stand(me)
        if not stand:
            return True
        before, since, began, looked = self._seen.get(me, (None, now, now, now))
        if now - looked > MOST_PATIENT:  # for another turn
            before, began = None, now
        if now - began > min(MOST_PATIENT, self._patience):
            self._patience = max(0.0, self._patience - (now - began))
            return True
        if before != stand:
            since = now
        self._seen[me] = stand, since, began, now
        return now - since >= STILL and not any(going for *_, going in stand)

    def _stand(self, me: int) -> Stand:
        """Where the others are who may go on by themselves."""
        stand, frames = [], sys._current_frames()
        for ident, thread in list(self._threads.items()):
            if ident == me or ident in self._waiting:
                continue
            frame = frames.get(ident)
            if frame is None or not thread.is_alive():
                self._threads.pop(ident, None)
            elif not _waits(frame) and not self._is_idle(ident):
                stand.append((ident, id(frame), frame.f_lasti, _goes_on(frame)))
        return stand


def _goes_on(frame: Any) -> bool:
    """Whether it is in code that does not block for long where `_waits` says no (rule 3)."""
    file = frame.f_code.co_filename
    return (file.startswith(_PACKAGES) or file in _FILES) and file not in _BLOCKS


def _waits(frame: Any) -> bool:
    """Whether the innermost code of a thread waits for another one (rule 3)."""
    code = frame.f_code
    if code is _CONDITION:  # of events, queues, semaphores, barriers and futures too
        waiter, caller = frame.f_locals.get("waiter"), frame.f_back and frame.f_back.f_back
        begins = caller is not None and caller.f_code is _START  # a thread, which will say so immediately
        return not begins and waiter is not None and waiter.locked()
    if code is _JOIN:
        lock = frame.f_locals.get("lock")
        return lock is not None and lock.locked()
    if code is _WORKER:
        given = frame.f_locals
        return given.get("work_item") is None and given["work_queue"].empty()
    return False
