"""`flow.map`: one flow over many items, each a branch with memory of its own.

Rules:
 1. The map is a node, item i is its branch `map:<i>`: equal items are told apart, and places do not depend on timing.
 2. Remembered items need no worker. The others run in at most `max_workers` places; an item whose every open leaf waits
    gives its place up and takes one again when it goes on.
 3. Items that no worker has taken count as active: the play is not suspended before they had their turn, unless so many
    wait already that no further thread is to be had (`MOST_WAITING`): then the rest waits too.
 4. All items run to their end; then the error of the first failed item is raised, so that a replay raises the same.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterable
from json.encoder import encode_basestring as quoted
from typing import Any

from . import _places
from ._awaited import Awaited
from ._calls import Call, Remembered, at_place, check_sync_here, run_async, run_sync
from ._declare import Declaration
from ._errors import OptionError
from ._pause import here, settle
from ._remember import NOT_REMEMBERED, describe
from ._spans import Span
from ._tasks import spawn
from ._tree import Gate, Node, Tree, current

WORKERS = 32
MOST_WAITING = 1000


def map_items(fn: Callable[..., Any], items: Iterable[Any], max_workers: int | None) -> Any:
    declaration: Declaration = getattr(fn, "__hero_flow__", None) or Declaration(fn)
    what = f"flow.map({declaration.name}, …)"
    node = here(what)
    workers = WORKERS if max_workers is None else max_workers
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise OptionError("flow.map: max_workers is a whole number, 1 or more")
    if check_sync_here(what, node):
        return Awaited(what, _map_async(declaration, list(items), workers), node.session)
    if declaration.is_async:
        raise OptionError(f"{what}: {declaration.name} is async, so call the map from an async flow and await it")
    return _Map(declaration, list(items), workers, node).run()


async def _map_async(declaration: Declaration, items: list[Any], workers: int) -> list[Any]:
    node = here("flow.map")
    if declaration.is_async:
        return await _Map(declaration, items, workers, node).run_async()
    context = contextvars.copy_context()
    made = _Map(declaration, items, workers, node)
    return await asyncio.get_running_loop().run_in_executor(None, context.run, made.run)


class _Place(Gate):
    """An item's worker place. Told under the tree's lock when every open leaf of the item waits."""

    __slots__ = ("map", "held", "queued", "calls")

    def __init__(self, map: _Map) -> None:
        self.map = map
        self.held = True
        self.queued = False
        self.calls: list[Callable[[], object]] = []  # the item's branches that want to go on

    def rested(self) -> None:
        if self.held:
            self.held = False
            self.map.given_up()

    def woke(self) -> None:
        """The branch that goes on takes a place by itself, in `enter`: it may have to wait for one."""

    def enter(self) -> None:
        latch = threading.Lock()
        latch.acquire()
        if not self._take(latch.release):
            latch.acquire()

    async def enter_async(self) -> None:
        loop = asyncio.get_running_loop()
        turn = loop.create_future()

        def call() -> None:
            loop.call_soon_threadsafe(settle, turn)

        if not self._take(call):
            await turn

    def _take(self, call: Callable[[], object]) -> bool:
        """False: the place comes later, and `call` is called then."""
        map = self.map
        with map.changed:
            if self.held:
                return True
            if map.running < map.workers:
                map.give_to(self)
                return True
            self.calls.append(call)
            if not self.queued:
                self.queued = True
                map.entering.append(self)
            return False


class _Map:
    def __init__(self, declaration: Declaration, items: list[Any], workers: int, parent: Node) -> None:
        session = self.session = parent.session
        session.check_awaited()
        self.declaration = declaration
        self.items = items
        self.workers = workers
        self.parent = parent
        name = f"map:{declaration.name}"
        place = parent.child_place(quoted(name), "null")
        span = Span(session, _places.span_id(session.play_sid, place), name)
        self.node = Node(session, parent, span, place, parent.is_async)
        self.node.owner = parent.owner
        self.results: list[Any] = [None] * len(items)
        self.errors: dict[int, BaseException] = {}
        self.left: deque[tuple[int, str]] = deque()
        self.changed = threading.Lock()
        self.entering: deque[_Place] = deque()  # items that go on and want a place again
        self.running = 0  # places that are held
        self.waiting = 0  # items that gave theirs up
        self.unfinished = 0
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
        session.tree.open(node)
        node.span.start(self.parent.span.id, "other", node.place, f'{{"items":{len(self.items)}}}', *session.caller())
        for index, item in enumerate(self.items):
            branch = f"{node.branch}/map:{index}" if node.branch else f"map:{index}"
            try:
                args = declaration.arguments((item,), {})
            except Exception as error:
                self.errors[index] = error
                continue
            place = _places.Counter().place(node.place, f'"{branch}"', declaration.name_json, args)
            if declaration.memo and place in session.memory:
                call = at_place(declaration, node, place)
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
        branch.gate = _Place(self)
        return branch

    def _end(self) -> list[Any]:
        node = self.node
        first = self.errors[min(self.errors)] if self.errors else None
        for error in self.errors.values():
            if isinstance(error, NOT_REMEMBERED):
                first = error
                break
        if first is None:
            node.span.end("success")
        else:
            node.span.end("failed", error=describe(first))
        if self.tree.close(node):
            self.session.at_rest()
        if first is not None:
            raise first
        return self.results

    # --- threads ------------------------------------------------------------------------------------------------------

    def run(self) -> list[Any]:
        self._begin()
        if self.unfinished:
            self.finished = threading.Lock()
            self.finished.acquire()
            with self.changed:
                self._hire()
            self.finished.acquire()
        return self._end()

    def give_to(self, place: _Place) -> None:
        """The item has a place again; `changed` is held."""
        place.held, place.queued = True, False
        self.running += 1
        self.waiting -= 1
        calls, place.calls = place.calls, []
        for call in calls:
            call()

    def given_up(self) -> None:
        """An item rests: its place is for the next one. The tree's lock is held."""
        with self.changed:
            self.running -= 1
            self.waiting += 1
            self._hand_over()
            if self.loop is not None:
                self.loop.call_soon_threadsafe(self._start_tasks)
                return
            self._hire()
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
        assert isinstance(place, _Place)
        if place.held:
            place.held = False
            self.running -= 1
        else:
            self.waiting -= 1
        self._hand_over()

    def _hire(self) -> None:
        """Starts workers for free places; `changed` is held."""
        while self.left and self.running < self.workers and self.running + self.waiting < MOST_WAITING:
            try:
                threading.Thread(target=self._work, args=(self.left[0],), name="hero-map", daemon=True).start()
            except RuntimeError:  # no more threads: those that run take what is left, one after the other
                if not self.running and not self.waiting:
                    raise
                return
            self.left.popleft()
            self.running += 1

    def _work(self, taken: tuple[int, str]) -> None:
        self.context.copy().run(self._work_on, taken)

    def _work_on(self, taken: tuple[int, str] | None) -> None:
        while taken is not None:
            index, place = taken
            branch = self._branch(index)
            current.set(branch)
            try:
                call = at_place(self.declaration, branch, place)
                assert isinstance(call, Call)
                call.start(branch)
                self.results[index] = run_sync(call, (self.items[index],), {})
            except BaseException as error:
                self.errors[index] = error
            taken = self._next(branch)

    def _next(self, branch: Node) -> tuple[int, str] | None:
        """The item is done: its worker takes another one, if its place is not wanted by an item that goes on."""
        taken = None
        with self.changed:
            self._leave_place(branch)
            if self.left and self.running < self.workers:
                taken = self.left.popleft()
                self.running += 1
            parked, self.parked = (self.parked, 0) if taken else (0, self.parked)
        if parked:
            self.tree.unpark(self.node, parked)
        if self.tree.close(branch):
            self.session.at_rest()
        with self.changed:
            self.unfinished -= 1
            last = self.unfinished == 0
        if last:
            self.finished.release()
        return taken

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
            call = at_place(self.declaration, branch, place)
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
