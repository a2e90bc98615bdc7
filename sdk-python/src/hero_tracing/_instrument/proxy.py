"""`instrument`: what stands in for a client, and which of its attributes are calls, parts of it, or plain values.

Rules:
 1. Public methods are calls. Names that begin with `_`, `close` and `aclose` are left as they are.
 2. A nested object is a part of the client, and instrumented like it, unless it is a value: a class, a module, something of the
    standard library, something that compares by value or that can be iterated.
 3. Outside a flow the client behaves as if it were not instrumented.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .._awaited import Awaited, in_coroutine
from .._call_site import Site
from .._errors import OptionError
from .._node import current_node, here
from .._session import active
from . import remember
from .disguise import Disguise, disguised, is_disguise, real_of
from .fakes import stand_in
from .prices import table
from .results import deliver, end_found
from .rpc import Method, Rpc, Settings, begin, name_json

C = TypeVar("C")
_LEFT_ALONE = {"close", "aclose"}
_LIBRARY = sys.stdlib_module_names
_NO_CLIENT = (str, bytes, int, float, bool, type(None), list, tuple, dict, set, frozenset)


def instrument(client: C, memo: bool = False, prices: Mapping[str, Any] | None = None) -> C:
    """Returns a stand-in for a client whose method calls are `rpc` spans: arguments, result, status, tokens and cost.

    Any object will do: its methods, sync and async, its nested parts (`client.chat.completions.create`), its streams and
    context managers. With `memo=True` a call outside a step is a step of its own, so that a replay gets the same answer again;
    results are then JSON or pydantic models. `prices` adds to the price table: dollars per million tokens, by model.
    Raises OptionError for what has no methods, and whatever the client raises. docs/instrument.md has the rules.

    >>> from hero_tracing import flow
    >>> class Shop:
    ...     def price(self, item):
    ...         return {"item": item, "price": 3}
    >>> @flow
    ... def main():
    ...     return instrument(Shop()).price("tea")["price"]
    >>> main()
    3
    """
    return instrumented(client, memo, prices)


def instrumented(
    client: C, memo: bool, prices: Mapping[str, Any] | None, defaults: Mapping[str, Any] | None = None
) -> C:
    """The same, with arguments that calls are given which leave them out."""
    real = real_of(client) if is_disguise(client) else client
    if isinstance(real, (*_NO_CLIENT, type)) or inspect.isawaitable(real):
        raise OptionError(
            f"instrument takes a client, an object with methods, for example instrument(Client()); not {_named(real)}"
        )
    if not isinstance(memo, bool):
        raise OptionError(f"instrument: memo must be True or False, not {memo!r}")
    made: C = _part(real, "", Settings(_client_name(real), type(real), memo, table(prices), defaults or {}))
    return made


def _named(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"{value!r:.100}"


def _client_name(client: Any) -> str:
    named = client if inspect.isroutine(client) or inspect.ismodule(client) else type(client)
    return str(getattr(named, "__name__", type(client).__name__))


class Client(Disguise):
    """The stand-in for a client, or for a part of it; its state is its path and the settings."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        real = real_of(self)
        found = getattr(real, name)
        if name.startswith("_") or name in _LEFT_ALONE:
            return found
        path, settings = object.__getattribute__(self, "_hero_state")
        return attribute(found, f"{path}.{name}" if path else name, settings)


def attribute(found: Any, path: str, settings: Settings) -> Any:
    """What an attribute of a client is (rules 1 and 2)."""
    if isinstance(found, type) or inspect.ismodule(found):
        return found
    if inspect.isroutine(found) or isinstance(found, functools.partial):
        if _gives_self(found) and not inspect.iscoroutinefunction(inspect.unwrap(found)):
            return _same(found, path.rpartition(".")[0], settings)
        return _function(Method(settings, path, found))
    return _part(found, path, settings) if is_part(found) else found


def _gives_self(fn: Callable[..., Any]) -> bool:
    return str(getattr(fn, "__annotations__", {}).get("return")).rpartition(".")[2] == "Self"


def _same(fn: Callable[..., Any], path: str, settings: Settings) -> Callable[..., Any]:
    """A method that gives another client of the class (`with_options`) is no call: what it gives is instrumented, too."""

    @functools.wraps(fn)
    def same(*args: Any, **kwargs: Any) -> Any:
        result = fn(*args, **kwargs)
        return _part(result, path, settings) if is_part(result) else result

    return same


def is_part(value: Any) -> bool:
    kind = type(value)
    if kind.__module__.partition(".")[0] in _LIBRARY or isinstance(value, types.ModuleType):
        return False
    if getattr(kind, "__eq__", None) is not object.__eq__ or hasattr(kind, "__iter__") or hasattr(kind, "__next__"):
        return False
    return not isinstance(value, (BaseException, Disguise))


def _part(real: Any, path: str, settings: Settings) -> Any:
    if inspect.isroutine(real) or isinstance(real, functools.partial):
        return _function(Method(settings, path, real))
    return disguised(Client, real, (path, settings))


def _function(method: Method) -> Callable[..., Any]:
    fn = method.fn

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        return called(method, args, kwargs)

    if inspect.iscoroutinefunction(fn) and hasattr(inspect, "markcoroutinefunction"):
        inspect.markcoroutinefunction(call)
    return call


def called(method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One call of a method of the client."""
    if current_node() is None and active() is None:
        return method.fn(*args, **method.with_defaults(kwargs))  # rule 3
    node = here(method.what)
    node.session.check_awaited()
    end_found()
    kwargs = method.with_defaults(kwargs)
    is_async = _is_async(method.fn)
    memo = method.settings.memo and not _gives_self(method.fn)  # a client is no JSON
    method = stand_in(method, is_async)
    if memo and remember.is_outside_a_step(node):
        return remember.remembered(method, args, kwargs, node, is_async, called)
    if is_async:
        site = Site(node, name_json(method))
        return Awaited(method.what, _called_async(method, args, kwargs, site), node.session)
    node.session.commits.drain()
    rpc = begin(method, node, args, kwargs)
    rpc.enter()
    try:
        result = method.fn(*args, **kwargs)
    except BaseException as error:
        rpc.leave()
        rpc.fail(error)
        raise
    rpc.leave()
    return deliver(rpc, result)


async def _called_async(method: Method, args: tuple[Any, ...], kwargs: dict[str, Any], site: Site) -> Any:
    node = here(method.what)
    await node.session.commits.drain_async()
    rpc = Rpc(method, node, args, kwargs, site.place_in(node))
    rpc.enter()
    try:
        result = method.fn(*args, **kwargs)
        if inspect.isawaitable(result):
            result = await result
    except BaseException as error:
        rpc.leave()
        rpc.fail(error)
        raise
    rpc.leave()
    return _like_its_client(method, deliver(rpc, result))


def _like_its_client(method: Method, result: Any) -> Any:
    """An object of the class that has the method (`connect` that returns `self`), or of the client's, is instrumented like it."""
    if is_disguise(result) or not is_part(result):
        return result
    if type(result) is type(getattr(method.fn, "__self__", None)):
        return _part(result, method.path.rpartition(".")[0], method.settings)
    return _part(result, "", method.settings) if type(result) is method.settings.kind else result


def _is_async(fn: Callable[..., Any]) -> bool:
    """Whether a call gives a coroutine; a decorator may hide that, which counts where an event loop runs."""
    if inspect.iscoroutinefunction(fn):
        return True
    return in_coroutine() and inspect.iscoroutinefunction(inspect.unwrap(fn))


def _call(self: Any, *args: Any, **kwargs: Any) -> Any:
    path, settings = object.__getattribute__(self, "_hero_state")
    return called(Method(settings, path, real_of(self)), args, kwargs)


def _enter(self: Any) -> Any:
    return _entered(self, real_of(self).__enter__())


async def _aenter(self: Any) -> Any:
    return _entered(self, await real_of(self).__aenter__())


def _entered(self: Any, entered: Any) -> Any:
    path, settings = object.__getattribute__(self, "_hero_state")
    return self if entered is real_of(self) else attribute(entered, path, settings)


def _exit(self: Any, *exc: Any) -> Any:
    return real_of(self).__exit__(*exc)


async def _aexit(self: Any, *exc: Any) -> Any:
    return await real_of(self).__aexit__(*exc)


Client._hero_methods = {
    "__call__": _call,
    "__enter__": _enter,
    "__exit__": _exit,
    "__aenter__": _aenter,
    "__aexit__": _aexit,
}
