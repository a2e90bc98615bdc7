"""Results whose call has not ended when the method returns: streams, context managers, awaitables.

Each is handed on in disguise: it looks and behaves like the client's own object, and its call's span ends with it.

Rules:
 1. A stream ends where its iterator does, where it is closed, where its `with` block is left, or where nobody holds it any more.
 2. What is entered may be a stream: its span ends with the `with` block.
 3. What the garbage collector finds is ended by the next call, or at the end of the play: the collector may run while this thread
    holds a lock of the SDK.
 4. A coroutine is handed on as a coroutine: `gather` and `create_task` run it without its `__await__`, so a disguise sees nothing.
 5. Any other object is a result that is whole, also one that can be entered (a response, a connection, a file).
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import weakref
from collections import deque
from collections.abc import Coroutine
from typing import Any

from .._root import before_end
from .disguise import Disguise, disguised
from .rpc import Inside, Rpc
from .usage import field

_TEXT_LIMIT = 32 * 1024
_FIRST = 20
_ONLY_ENTERED = {"send", "throw", "close", "gen", "func", "args", "kwds", "method", "url"}
_SNAPSHOTS = ("current_message_snapshot", "current_completion_snapshot")
_REAL, _STATE = "_hero_real", "_hero_state"


def is_stream(value: Any) -> bool:
    return hasattr(type(value), "__next__") or hasattr(type(value), "__anext__")


def is_manager(value: Any) -> bool:
    """Whether it is good for nothing but `with`: `contextlib`'s managers, the stream managers of the vendors' clients."""
    kind = type(value)
    if not hasattr(kind, "__enter__") and not hasattr(kind, "__aenter__"):
        return False
    return {name for name in dir(kind) if not name.startswith("_")} <= _ONLY_ENTERED


_collecting = False
_found: deque[_State] = deque()  # by the collector (rule 3)


def _on_collection(phase: str, info: dict[str, int]) -> None:
    global _collecting
    _collecting = phase == "start"


def end_found() -> None:
    """Ends what the collector found."""
    while _found:
        _found.popleft().dropped()


def deliver(rpc: Rpc, result: Any) -> Any:
    """What the caller gets: the result, or its disguise while the call goes on."""
    if not (inspect.isawaitable(result) or is_stream(result) or is_manager(result)):
        rpc.end(result)
        return result
    if _on_collection not in gc.callbacks:
        gc.callbacks.append(_on_collection)
        before_end.append(end_found)
    state = _State(rpc)
    if isinstance(result, Coroutine) and not hasattr(type(result), "__aenter__"):
        made = _awaited(result, state)
        weakref.finalize(made, _lost, state).atexit = False
        return made
    if asyncio.isfuture(result):
        result.add_done_callback(state.settled)  # `gather` and `wait` read a future without awaiting it
    return disguised(Result, result, state)


def _lost(state: _State) -> None:
    """Nobody holds the result any more (rules 1 and 3)."""
    if _collecting:
        _found.append(state)
    else:
        state.dropped()


class _State:
    """What was seen of a result; `owner` of the span is who ends it (rule 2)."""

    def __init__(self, rpc: Rpc, owner: bool = True) -> None:
        self.rpc = rpc
        self.owner = owner
        self.count = 0
        self.first: list[Any] = []
        self.texts: list[str] = []
        self.length = 0
        self.entered: Any = None
        self.inner: _State | None = None

    def saw(self, chunk: Any) -> None:
        if not self.count:
            self.rpc.tag("first_chunk_ms", self.rpc.since_ms)
        self.count += 1
        self.rpc.see(chunk)
        text = delta_of(chunk)
        if text is not None and self.length < _TEXT_LIMIT:
            self.length += len(text)
            self.texts.append(text)
        elif text is None and len(self.first) < _FIRST:
            self.first.append(chunk)

    def ended(self) -> None:
        if self.owner:
            self.rpc.end(self.summary())

    def failed(self, error: BaseException) -> None:
        self.rpc.fail(error)

    def settled(self, future: asyncio.Future[Any]) -> None:
        """The future is done. What goes on after it is left to who awaits it."""
        if future.cancelled():
            self.failed(asyncio.CancelledError())
        elif (error := future.exception()) is not None:
            self.failed(error)
        elif not (is_stream(future.result()) or is_manager(future.result())):
            self.rpc.end(future.result())

    def dropped(self) -> None:
        """Nobody can read on."""
        if self.owner and not self.rpc.ended:
            self.rpc.tag("cut", True)
            self.ended()

    def summary(self) -> Any:
        """What the span shows: how many chunks, and their text, or the first of them; what was collected by the client itself."""
        whole = snapshot_of(self.entered)
        if whole is not None:
            return whole
        seen = self.inner or self
        if self.entered is not None and not seen.count:
            return self.entered
        if seen.texts:
            return {"chunks": seen.count, "text": "".join(seen.texts)}
        return {"chunks": seen.count, "first": seen.first}


def delta_of(chunk: Any) -> str | None:
    """The text that a chunk adds, in the shapes of OpenAI and Anthropic."""
    choices = field(chunk, "choices")
    if isinstance(choices, list):
        text = field(field(choices[0], "delta"), "content") if choices else ""
        return text if isinstance(text, str) else "" if field(chunk, "object") else None
    delta = field(chunk, "delta")
    text = delta if isinstance(delta, str) else field(delta, "text")
    if isinstance(text, str):
        return text
    return chunk if isinstance(chunk, str) else "" if isinstance(field(chunk, "type"), str) else None


def snapshot_of(entered: Any) -> Any:
    """What the stream helpers of the vendors' clients have collected."""
    for name in _SNAPSHOTS:
        if hasattr(type(entered), name):
            try:
                return getattr(entered, name)
            except Exception:  # nothing was read yet
                return None
    return None


class Result(Disguise):
    """A stream, a context manager or an awaitable of a client."""

    __slots__ = ()
    _hero_state: _State

    def __getattr__(self, name: str) -> Any:
        real = object.__getattribute__(self, _REAL)
        found = getattr(real, name)
        if name not in ("close", "aclose", "stop"):
            return found
        state: _State = object.__getattribute__(self, _STATE)
        return _then(found, state.ended)

    def __del__(self) -> None:
        try:
            _lost(object.__getattribute__(self, _STATE))
        except Exception:  # the interpreter shuts down
            pass


def _then(fn: Any, ended: Any) -> Any:
    """The method of the client, followed by the end of the span."""

    def close(*args: Any, **kwargs: Any) -> Any:
        result = fn(*args, **kwargs)
        if inspect.isawaitable(result):
            return awaited(result)
        ended()
        return result

    async def awaited(result: Any) -> Any:
        value = await result
        ended()
        return value

    return close


# --- the special methods that a disguise takes over, as far as the client's object has them ------------------------------------


def _parts(self: Any) -> tuple[Any, _State]:
    return object.__getattribute__(self, _REAL), object.__getattribute__(self, _STATE)


def _iter(self: Any) -> Any:
    real, _ = _parts(self)
    return self if hasattr(type(real), "__next__") else iter(real)


def _next(self: Any) -> Any:
    real, state = _parts(self)
    try:
        with Inside(state.rpc):
            chunk = next(real)
    except StopIteration:
        state.ended()
        raise
    except BaseException as error:
        state.failed(error)
        raise
    state.saw(chunk)
    return chunk


def _aiter(self: Any) -> Any:
    real, _ = _parts(self)
    return self if hasattr(type(real), "__anext__") else real.__aiter__()


async def _anext(self: Any) -> Any:
    real, state = _parts(self)
    try:
        with Inside(state.rpc):
            chunk = await real.__anext__()
    except StopAsyncIteration:
        state.ended()
        raise
    except BaseException as error:
        state.failed(error)
        raise
    state.saw(chunk)
    return chunk


def _handed_on(self: Any, state: _State, real: Any, entered: Any) -> Any:
    if entered is real:
        return self
    state.entered = entered
    if not is_stream(entered):
        return entered
    state.inner = _State(state.rpc, owner=False)
    return disguised(Result, entered, state.inner)


def _enter(self: Any) -> Any:
    real, state = _parts(self)
    try:
        with Inside(state.rpc):
            entered = real.__enter__()
    except BaseException as error:
        state.failed(error)
        raise
    return _handed_on(self, state, real, entered)


def _exit(self: Any, *exc: Any) -> Any:
    real, state = _parts(self)
    try:
        swallowed = real.__exit__(*exc)
    except BaseException as error:
        state.failed(error)
        raise
    _left(state, exc)
    return swallowed


async def _aenter(self: Any) -> Any:
    real, state = _parts(self)
    try:
        with Inside(state.rpc):
            entered = await real.__aenter__()
    except BaseException as error:
        state.failed(error)
        raise
    return _handed_on(self, state, real, entered)


async def _aexit(self: Any, *exc: Any) -> Any:
    real, state = _parts(self)
    try:
        swallowed = await real.__aexit__(*exc)
    except BaseException as error:
        state.failed(error)
        raise
    _left(state, exc)
    return swallowed


def _left(state: _State, exc: tuple[Any, ...]) -> None:
    state.rpc.see(snapshot_of(state.entered))
    if exc and exc[1] is not None:
        state.failed(exc[1])
    else:
        state.ended()


def _await(self: Any) -> Any:
    real, state = _parts(self)
    return _awaited(real, state, self).__await__()


async def _awaited(real: Any, state: _State, held: Any = None) -> Any:
    """`held` is the disguise: `await` drops it, and with nobody to hold it the span would end too early."""
    try:
        with Inside(state.rpc):
            result = await real
    except BaseException as error:
        state.failed(error)
        raise
    state.owner = False  # from now on the span ends with the result
    return deliver(state.rpc, result)


Result._hero_methods = {
    "__iter__": _iter,
    "__next__": _next,
    "__aiter__": _aiter,
    "__anext__": _anext,
    "__enter__": _enter,
    "__exit__": _exit,
    "__aenter__": _aenter,
    "__aexit__": _aexit,
    "__await__": _await,
}
