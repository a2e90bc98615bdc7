"""Operations that a coroutine must await, and the error for a missing await."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Generator
from typing import Any, NoReturn, TypeVar

from ._errors import NotAwaited, OptionError
from ._node import Node
from ._session import Session

T = TypeVar("T")


def in_coroutine() -> bool:
    """Whether an event loop runs in this thread."""
    return asyncio._get_running_loop() is not None


def check_sync_here(what: str, node: Node) -> bool:
    """True: inside a coroutine, so the operation must be awaited."""
    if not in_coroutine():
        return False
    if not node.is_async:
        raise OptionError(
            f"{what} would block the event loop: the flow {node.span.name!r} is not async but was called from a "
            f"coroutine. Make it `async def`, or call it with `await asyncio.to_thread(…)`"
        )
    return True


class Awaited(Coroutine[Any, Any, T]):
    """The return value of `flow.pause` and others inside a coroutine. Any use of it other than `await` raises NotAwaited."""

    __slots__ = ("_what", "_inner", "_session", "_begun", "__weakref__")

    def __init__(self, what: str, inner: Coroutine[Any, Any, T], session: Session | None = None) -> None:
        self._what = what
        self._inner = inner
        self._session = session
        self._begun = False

    def __await__(self) -> Generator[Any, Any, T]:
        self._begun = True
        return self._inner.__await__()

    def send(self, value: Any) -> Any:
        self._begun = True
        return self._inner.send(value)

    def throw(self, *args: Any) -> Any:
        self._begun = True
        return self._inner.throw(*args)

    def close(self) -> None:
        self._begun = True
        self._inner.close()

    def __del__(self) -> None:
        if self._begun:
            return
        self._inner.close()
        message = self._message()
        if self._session is not None:
            self._session.missing_await = self._session.missing_await or message
        elif not sys.is_finalizing():
            sys.stderr.write(f"hero_tracing: {message}\n")

    def _message(self) -> str:
        return f"{self._what} was not awaited: inside a coroutine write `await {self._what}`"

    def _complain(self, *_: Any, **__: Any) -> NoReturn:
        self._begun = True
        self._inner.close()
        raise NotAwaited(self._message())

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "cr_", "gi_")):
            raise AttributeError(name)
        self._complain()

    def __eq__(self, other: object) -> bool:
        return True if self is other else self._complain()

    def __bool__(self) -> bool:
        # asyncio reads this when it shows a Task
        asked_by = sys._getframe(1).f_globals.get("__name__", "")
        return True if self._begun or asked_by.startswith("asyncio.") else self._complain()

    __hash__ = object.__hash__
    __len__ = __iter__ = __getitem__ = __contains__ = __call__ = _complain
    __str__ = __format__ = __int__ = __float__ = __index__ = _complain
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __lt__ = __le__ = __gt__ = __ge__ = _complain
