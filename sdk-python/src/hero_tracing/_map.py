"""`flow.map`: one flow over many items, each a branch with memory of its own.

Rules:
 1. The map is a node, item i is its branch `map:<i>`: equal items are told apart, and places do not depend on timing.
 2. Remembered items need no worker. The others run in at most `max_workers` places; an item whose every open leaf waits
    gives its place up and takes one again when it goes on.
 3. Items that no worker has taken count as active: the play is not suspended before they had their turn, unless so many
    wait already that no further thread is to be had (`MOST_WAITING`): then the rest waits too.
 4. All items run to their end; then the error of the first failed item is raised, so that a replay raises the same.
 5. An item's outcome is committed while its worker runs the next item already: nobody sees the result before the map
    returns, and then all of them are committed (I3).
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from json.encoder import encode_basestring as quoted
from typing import Any

from . import _places
from ._awaited import Awaited, check_sync_here
from ._calls import Call, Remembered, Settling, enter_at, run_async, run_body
from ._declare import Declaration
from ._errors import OptionError
from ._map_place import Place
from ._node import Node, current, here
from ._remember import NOT_REMEMBERED, describe, note_members
from ._site import Site
from ._spans import Span
from ._tasks import spawn
from ._tree import Tree

WORKERS = 32
WORKERS_AT_ONCE = 4
RAMP_SECONDS = 0.0005
MOST_FLYING = 512
MOST_WAITING = 1000


def map_items(fn: Callable[..., Any], items: Iterable[Any], max_workers: int | None) -> Any:
    declaration: Declaration = getattr(fn, "__hero_flow__", None) or Declaration(fn)
    what = f"flow.map({declaration.name}, …)"
    node = here(what)
    workers = WORKERS if max_workers is None else max_workers
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise OptionError("flow.map: max_workers is a whole number, 1 or more")
    site = Site(node, quoted(f"map:{declaration.name}"))
    if check_sync_here(what, node):
        return Awaited(what, _map_async(declaration, list(items), workers, site), node.session)
    if declaration.is_async:
        raise OptionError(f"{what}: {declaration.name} is async, so call the map from an async flow and await it")
    return _Map(declaration, list(items), workers, node, site).run()


async def _map_async(declaration: Declaration, items: list[Any], workers: int, site: Site) -> list[Any]:
    node = here("flow.map")
    if declaration.is_async:
        return await _Map(declaration, items, workers, node, site).run_async()
    context = contextvars.copy_context()
    made = _Map(declaration, items, workers, node, site)
    return await asyncio.get_running_loop().run_in_executor(None, context.run, made.run)


class _Item:
    """An item whose body has ended and whose outcome is on its way."""

    __slots__ = ("index", "call", "settling", "branch")

    def __init__(self, index: int, call: Call, settling: Settling, branch: Node) -> None:
        self.index = index
        self.call = call
        self.settling = settling
        self.branch = branch


class _Map:
    def __init__(self, declaration: Declaration, items: list[Any], workers: int, parent: Node, site: Site) -> None:
        session = self.session = parent.session
        session.check_awaited()
        self.declaration = declaration
        self.items = items
        self.workers = workers
        self.parent = parent
        name = f"map:{declaration.name}"
        place = site.place_in(parent)
        span = Span(session, session.span_id(place), name)
        self.node = Node(session, parent, span, place, parent.is_async)
        self.node.owner = parent.owner
        self.results: list[Any] = [None] * len(items)
        self.errors: dict[int, BaseException] = {}
        self.left: deque[tuple[int, str]] = deque()
        self.changed = threading.Lock()
        self.entering: deque[Place] = deque()  # items that go on and want a place again
        self.running = 0  # places that are held
        self.waiting = 0  # items that gave theirs up
        self.unfinished = 0
        self.flying = 0  # outcomes whose commits are under way
        self.parked = 0  # items that wait because no further thread is to be had
        self.loop: asyncio.AbstractEventLoop | None = None
        self.finished: Any = None
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.context = contextvars.copy_context()

    @property
    def tree(self) -> Tree:
        return self.session.tree

    # --- both ---------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Opens the map and answers what is remembered; what is left has its place, counted in order."""
        session, node, declaration = self.session, self.node, self.declaration
        node.start()
        node.span.start(self.parent.span.id, "other", node.place, f'{{"items":{len(self.items)}}}', *session.sources.caller())
        for index, item in enumerate(self.items):
            branch = f"{node.branch}/map:{index}" if node.branch else f"map:{index}"
            try:
                args = declaration.arguments((item,), {})
            except Exception as error:
                self.errors[index] = error
                continue
            place = _places.Counter().place(node.place, f'"{branch}"', declaration.name_json, args)
            if declaration.memo and session.memory.has_outcome(place):
                call = enter_at(declaration, node, place)
                assert isinstance(call, Remembered)
                try:
                    self.results[index] = call.recall()
                except Exception as error:
                    self.errors[index] = error
            else:
                self.left.append((index, place))
        self.unfinished = len(self.left)
        session.tree.reserve(node, self.unfinished)

    def _branch(self, index: int) -> Node:
        branch = self.node.branched(f"map:{index}")
        branch.gate = Place(self)
        return branch

    def _end(self) -> list[Any]:
        node = self.node
        first = self.errors[min(self.errors)] if self.errors else None
        for error in self.errors.values():
            if isinstance(error, NOT_REMEMBERED):
                first = error
                break
        if first is not None and len(self.errors) > 1:
            note_members(first, self.errors.values())
        if first is None:
            node.span.end("success")
        else:
            node.span.end("failed", error=describe(first))
        node.close()
        if first is not None:
            raise first
        return self.results

    # --- threads ------------------------------------------------------------------------------------------------------

    def run(self) -> list[Any]:
        self._begin()
        if self.unfinished:
            self.finished = threading.Lock()
            self.finished.acquire()
            self._ramp_up()
        return self._end()

    def _ramp_up(self) -> None:
        """A few workers at once and the others one by one: where items are quick, more would only be in the way."""
        with self.changed:
            self._hire(WORKERS_AT_ONCE)
        while self.left and self.running < self.workers:
            if self.finished.acquire(timeout=RAMP_SECONDS):
                return
            with self.changed:
                self._hire(1)
        self.finished.acquire()

    def give_to(self, place: Place) -> None:
        """The item has a place again; `changed` is held."""
        place.held, place.queued = True, False
        self.running += 1
        self.waiting -= 1
        calls, place.calls = place.calls, []
        for call in calls:
            call()

    def queue_up(self, place: Place) -> None:
        """The item wants to go on; `changed` is held."""
        self.entering.append(place)

    def given_up(self) -> None:
        """An item rests: its place is for the next one. The tree's lock is held."""
        with self.changed:
            self.running -= 1
            self.waiting += 1
            self._hand_over()
            if self.loop is not None:
                self.loop.call_soon_threadsafe(self._start_tasks)
                return
            self._hire(1)
            if not self.running and self.left and not self.parked:  # rule 3
                self.parked = len(self.left)
                self.node.busy -= self.parked

    def _hand_over(self) -> None:
        """Items that go on come before items that have not begun; `changed` is held."""
        while self.entering and self.running < self.workers:
            self.give_to(self.entering.popleft())

    def _leave_place(self, branch: Node) -> None:
        """The item is done; `changed` is held."""
        place = branch.gate
        assert isinstance(place, Place)
        if place.held:
            place.held = False
            self.running -= 1
        else:
            self.waiting -= 1
        self._hand_over()

    def _hire(self, most: int) -> None:
        """Starts workers for free places; `changed` is held."""
        while most and self.left and self.running < self.workers and self.running + self.waiting < MOST_WAITING:
            try:
                threading.Thread(target=self._work, args=(self.left[0],), name="hero-map", daemon=True).start()
            except RuntimeError:  # no more threads: those that run take what is left, one after the other
                if not self.running and not self.waiting:
                    raise
                return
            self.left.popleft()
            self.running += 1
            most -= 1

    def _work(self, taken: tuple[int, str]) -> None:
        self.context.copy().run(self._work_on, taken)

    def _work_on(self, taken: tuple[int, str] | None) -> None:
        while taken is not None:
            index, place = taken
            branch = self._branch(index)
            current.set(branch)
            try:
                call = enter_at(self.declaration, branch, place)
                assert isinstance(call, Call)
                call.start(branch)
                settling = call.settle(*run_body(call, (self.items[index],), {}))
            except BaseException as error:  # the SDK itself had no memory or no stack left: no item may be lost
                self.errors[index] = error
                taken = self._next(branch)
                self._finish(branch)
                continue
            taken = self._next(branch)
            self._settle(_Item(index, call, settling, branch))

    def _next(self, branch: Node) -> tuple[int, str] | None:
        """The body is done: its worker takes another item, if its place is not wanted by an item that goes on."""
        taken = None
        with self.changed:
            self._leave_place(branch)
            if self.left and self.running < self.workers:
                taken = self.left.popleft()
                self.running += 1
            parked, self.parked = (self.parked, 0) if taken else (0, self.parked)
        if parked:
            self.tree.unpark(self.node, parked)
        return taken

    def _settle(self, item: _Item, reply: dict[str, Any] | None = None) -> None:
        """Commits what the item needs, without a thread that waits for it (rule 5)."""
        session = self.session
        while True:
            try:
                step = item.settling.send(reply)  # type: ignore[arg-type]
            except StopIteration as end:
                if end.value is None:
                    self.results[item.index] = item.call.result
                else:
                    self.errors[item.index] = end.value
                break
            except BaseException as error:
                self.errors[item.index] = error
                break
            with self.changed:
                wait = self.flying >= MOST_FLYING
                self.flying += not wait
            if not wait:
                session.commits.post(step, partial(self._replied, item))
                return
            reply = session.commits.commit(step)
        self._finish(item.branch)

    def _finish(self, branch: Node) -> None:
        branch.close()
        with self.changed:
            self.unfinished -= 1
            last = self.unfinished == 0
        if last:
            self.finished.release()

    def _replied(self, item: _Item, reply: dict[str, Any]) -> None:
        with self.changed:
            self.flying -= 1
        self._settle(item, reply)

    # --- coroutines ---------------------------------------------------------------------------------------------------

    async def run_async(self) -> list[Any]:
        self._begin()
        if self.unfinished:
            self.loop = asyncio.get_running_loop()
            self.finished = self.loop.create_future()
            self._start_tasks()
            try:
                await self.finished
            except asyncio.CancelledError as error:
                await self._cancel()
                self.errors = {0: error}
        return self._end()

    def _start_tasks(self) -> None:
        with self.changed:
            taken = []
            while self.left and self.running < self.workers:
                self.running += 1
                taken.append(self.left.popleft())
        for index, place in taken:
            branch = self._branch(index)
            self.tasks[index] = spawn(self.loop, self._run_task(index, place, branch), branch)

    async def _run_task(self, index: int, place: str, branch: Node) -> None:
        try:
            call = enter_at(self.declaration, branch, place)
            assert isinstance(call, Call)
            call.start(branch)
            self.results[index] = await run_async(call, (self.items[index],), {})
        except BaseException as error:
            self.errors[index] = error
        finally:
            del self.tasks[index]
            self.unfinished -= 1
            with self.changed:
                self._leave_place(branch)
            self._start_tasks()
            if self.unfinished == 0 and not self.finished.done():
                self.finished.set_result(None)

    async def _cancel(self) -> None:
        left = len(self.left)
        self.left.clear()
        self.unfinished -= left
        self.tree.release(self.node, left)
        tasks = list(self.tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
