"""`instrument(client, memo=True)`: a call outside a step is a step of its own (docs/decisions/0022-remembered-calls.md).

Rules:
 1. The step's arguments are those of the call, as JSON: they are its identity, and are not kept.
 2. The caller gets what was rebuilt from the remembered JSON, in the first run as in a replay: a pydantic model as one of its
    class, everything else as plain JSON.
 3. A stream is read to its end before it is remembered; the caller gets its chunks again, from memory.
"""

from __future__ import annotations

import enum
import hashlib
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from typing import Any

from .._awaited import Awaited
from .._call_site import Site
from .._calls import call_async, call_now
from .._canonical import dump
from .._declare import Declaration
from .._errors import ArgumentNotJson, NotJson, OptionError, ResultNotJson
from .._node import Node, here
from .._outcome import result_of
from .results import is_manager, is_stream
from .rpc import Method
from .shown import _BY_THEIR_TEXT, fields_of

Called = Callable[[Method, tuple[Any, ...], dict[str, Any]], Any]


def is_outside_a_step(node: Node) -> bool:
    """Whether no call around this code is remembered: the play's root is none, nor is a flow with `memo=False`."""
    call = node.owner
    while call.node.parent is not None:
        if call.declaration.memo:
            return False
        call = call.node.above.owner
    return True


def remembered(
    method: Method, args: tuple[Any, ...], kwargs: dict[str, Any], node: Node, is_async: bool, called: Called
) -> Any:
    arguments = _identity(method, args, kwargs)
    generates = inspect.isasyncgenfunction(inspect.unwrap(method.fn))
    if not is_async and not generates:

        def body(arguments: Any) -> Any:
            return encoded(method, called(method, args, kwargs))

        return decoded(method, result_of(call_now(Declaration(body, name=method.name), (arguments,), {}, node)))

    async def body_async(arguments: Any) -> Any:
        result = called(method, args, kwargs)
        return await encoded_async(method, await result if inspect.isawaitable(result) else result)

    declaration = Declaration(body_async, name=method.name)
    site = Site(node, declaration.name_json, lambda: declaration.arguments((arguments,), {}))
    awaited = Awaited(method.what, _remembered_async(method, declaration, arguments, site), node.session)
    return _when_asked(awaited) if generates else awaited


async def _remembered_async(method: Method, declaration: Declaration, arguments: Any, site: Site) -> Any:
    parent = here(method.what)
    outcome = await call_async(declaration, (arguments,), {}, parent, site.place_in(parent))
    return decoded(method, result_of(outcome))


async def _when_asked(awaited: Awaited[Any]) -> AsyncIterator[Any]:
    """The chunks of an async generator, which is called without `await`."""
    for chunk in await awaited:
        yield chunk


# --- arguments ----------------------------------------------------------------------------------------------------------------


def _identity(method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        found = {name: _as_json(value, f"arguments.{name}") for name, value in method.arguments(args, kwargs).items()}
        dump(found, "arguments")
        return found
    except NotJson as error:
        hint = "so a replay could not find this call again: pass data, or make the call in a step (@flow) of your own"
        raise ArgumentNotJson(error.path, f"{error.problem}, {hint} (in {method.what})") from None


def _as_json(value: Any, path: str) -> Any:
    if value is None or (isinstance(value, (bool, int, float, str)) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return _as_json(value.value, path)
    if isinstance(value, (bytes, bytearray)):
        return {"sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, _BY_THEIR_TEXT):
        return str(value)
    if isinstance(value, type) or inspect.isfunction(value):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, (list, tuple)):
        return [_as_json(inner, f"{path}[{index}]") for index, inner in enumerate(value)]
    found = fields_of(value)
    if found is None:
        raise NotJson(path, f"a value of type {type(value).__name__} is not JSON")
    return {str(key): _as_json(inner, f"{path}.{key}") for key, inner in found.items()}


# --- results ------------------------------------------------------------------------------------------------------------------


def encoded(method: Method, result: Any) -> dict[str, Any]:
    """What memory holds: the result with the name of its class, or the chunks of a stream."""
    if hasattr(type(result), "__next__"):
        return {"stream": [_whole(method, chunk) for chunk in result]}
    return _checked(method, result)


async def encoded_async(method: Method, result: Any) -> dict[str, Any]:
    if hasattr(type(result), "__anext__"):
        return {"stream": [_whole(method, chunk) async for chunk in result]}
    return encoded(method, result)


def _checked(method: Method, result: Any) -> dict[str, Any]:
    if is_manager(result) or is_stream(result) or inspect.isawaitable(result):
        close = getattr(result, "close", None)
        if callable(close) and inspect.iscoroutine(result):
            close()
        raise OptionError(
            f"{method.what} returned a {result.__class__.__name__}, which memo=True cannot remember: ask for the whole reply or a "
            "plain stream, or make the call in a step (@flow) of your own that returns data"
        )
    return _whole(method, result)


def _whole(method: Method, result: Any) -> dict[str, Any]:
    dumped = getattr(result, "model_dump", None)
    name = _class_name(type(result)) if callable(dumped) else None
    value = dumped(mode="json", by_alias=True, exclude_unset=True, warnings=False) if callable(dumped) else result
    try:
        dump(value, "result")
    except NotJson as error:
        raise ResultNotJson(
            error.path,
            f"{error.problem}, so memo=True cannot remember it (returned by {method.what}): "
            "make the call in a step (@flow) of your own that returns data, for example response.json()",
        ) from None
    return {"type": name, "value": value}


def _class_name(kind: type) -> str | None:
    """The name under which the class, or the nearest base that says more than pydantic's own, is found again."""
    for one in kind.__mro__:
        name = f"{one.__module__}:{one.__qualname__}"
        if one.__module__.partition(".")[0] == "pydantic" or not hasattr(one, "model_validate"):
            continue
        if _class_of(name) is one:
            return name
    return None


def _class_of(name: str) -> Any:
    module, _, path = name.partition(":")
    try:
        found: Any = sys.modules.get(module) or import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return found


def decoded(method: Method, kept: dict[str, Any]) -> Any:
    """What the caller gets (rule 2)."""
    if "stream" in kept:
        return Chunks([decoded(method, chunk) for chunk in kept["stream"]])
    name, value = kept["type"], kept["value"]
    if name is None:
        return value
    kind = _class_of(name)
    if kind is None:
        raise OptionError(
            f"{method.what} is remembered as a {name}, which this environment does not have: install the package that has it"
        )
    try:
        return kind.model_validate(value)
    except ValueError:  # a reply that is not what its class says: the vendors' clients build it unchecked, too
        build = getattr(kind, "construct", None) if "construct" in _own(kind) else None
        return (build or kind.model_construct)(**value)


def _own(kind: type) -> set[str]:
    """What the classes below pydantic's own define."""
    return {name for one in kind.__mro__ if one.__module__.partition(".")[0] != "pydantic" for name in vars(one)}


class Chunks:
    """A stream from memory; `for`, `async for`, `with` and `close` as of the client's."""

    def __init__(self, chunks: list[Any]) -> None:
        self._left = iter(chunks)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._left)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        for chunk in self._left:
            return chunk
        raise StopAsyncIteration

    def __enter__(self) -> Chunks:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Chunks:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> Any:
        """Nothing is left to read. May be awaited, as the client's may have to be."""
        self._left = iter(())
        return _Closed()


class _Closed:
    def __await__(self) -> Iterator[None]:
        return iter(())
