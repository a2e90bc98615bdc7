"""Runs work of the SDK when a flow has used up the stack.

Rules:
 1. The operations of the SDK work at any depth of a flow's stack (`with_stack`).
 2. A node is opened only where there is room to close it (`check_room`): a RecursionError in the middle of opening or closing one
    would leave it open, and the play could never be suspended.
"""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
ROOM = 70  # frames: a commit, the description of an error, or the request that suspends the play, each with a margin


def check_room() -> None:
    """Raises RecursionError now, while nothing is open yet, rather than later.

    >>> check_room()
    """
    try:
        sys._getframe(sys.getrecursionlimit() // 3)  # C functions count too, so there are fewer frames than levels
    except ValueError:
        return
    _descend(ROOM)


def _descend(left: int) -> None:
    if left:
        _descend(left - 1)


def with_stack(work: Callable[[], T]) -> T:
    """Does the work here; after a RecursionError, once more in a thread, which has a stack of its own.

    >>> def near_the_limit(n):
    ...     try:
    ...         return near_the_limit(n + 1)
    ...     except RecursionError:
    ...         return with_stack(lambda: [[list(map(str, range(2)))]])
    >>> near_the_limit(0)
    [[['0', '1']]]
    """
    try:
        return work()
    except RecursionError:
        pass
    # No more than two calls deep, as `threading` would be.
    ended = _thread.allocate_lock()
    ended.acquire()
    results: list[T] = []
    errors: list[BaseException] = []
    _thread.start_new_thread(_do, (work, results, errors, ended))
    ended.acquire()
    if errors:
        raise errors[0]
    return results[0]


def _do(work: Callable[[], T], results: list[T], errors: list[BaseException], ended: _thread.LockType) -> None:
    try:
        results.append(work())
    except BaseException as error:
        errors.append(error)
    finally:
        ended.release()
