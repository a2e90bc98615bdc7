"""What stands in for the methods of instrumented clients in a test (`hero_tracing.testing`); nothing does in a play.

The client itself stays the real one, so that also one that was made when the module was loaded can be faked: only the method
that would be called is another.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import reduce
from typing import Any

from .._errors import OptionError
from .rpc import Method

Fakes = Mapping[Any, Any]
_fakes: Fakes = {}


def use(fakes: Fakes) -> Fakes:
    """Uses these from now on, by class or class name of the client; returns those used before."""
    global _fakes
    before, _fakes = _fakes, fakes
    return before


def stand_in(method: Method, is_async: bool) -> Method:
    """The method to call: the client's own, or the one that stands in for it."""
    if not _fakes:
        return method
    settings = method.settings
    fake = next((_fakes[kind] for kind in settings.kind.__mro__ if kind in _fakes), _fakes.get(settings.client))
    if fake is None:
        return method
    found = _find(fake, method, is_async)
    return Method(settings, method.path, found)


def _find(fake: Any, method: Method, is_async: bool) -> Any:
    if isinstance(fake, Mapping):
        if method.path not in fake:
            raise OptionError(
                f"the fake of {method.settings.client} has no {method.path!r}: it has {', '.join(map(repr, fake))}"
            )
        found = fake[method.path]
    else:
        found = reduce(getattr, filter(None, method.path.split(".")), fake)
    if inspect.iscoroutinefunction(found) or (callable(found) and not is_async):
        return found

    def answer(*args: Any, **kwargs: Any) -> Any:
        value = found(*args, **kwargs) if callable(found) else found
        if isinstance(value, BaseException):
            raise value
        return value

    async def answer_async(*args: Any, **kwargs: Any) -> Any:
        value = answer(*args, **kwargs)
        return await value if inspect.isawaitable(value) else value

    return answer_async if is_async else answer
