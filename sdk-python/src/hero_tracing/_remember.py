"""What memory keeps of an error, and how a replay raises it again so that the same `except` catches it.

Rules:
 1. SystemExit, KeyboardInterrupt, GeneratorExit and cancellation are never remembered.
 2. A class that can be found again is used itself; else the nearest of its bases that can, under the old name.
 3. The text of the error is the same, whatever its class makes of its arguments.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import traceback
from collections.abc import Iterable
from types import TracebackType
from typing import Any, cast

from ._canonical import dump, load
from ._errors import Failed, NotJson

NOT_REMEMBERED = (SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)
TRACEBACK_LIMIT = 32 * 1024
_HERE = __file__.rpartition("_remember")[0]


def describe(error: BaseException) -> dict[str, str]:
    """What a reader sees of an error: `{type, message, traceback}` with the user's frames only."""
    return {"type": type(error).__qualname__, "message": text_of(error), "traceback": traceback_of(error)}


def error_json(error: BaseException, described: dict[str, str]) -> str:
    """The outcome of a step that failed, as JSON text."""
    kind = type(error)
    data: dict[str, Any] = {"args": error.args, "attributes": _attributes(error)}
    if isinstance(error, Failed):
        data["data"] = error.data
    kept = {}
    for name, value in data.items():
        try:
            kept[name] = json.loads(dump(value))
        except (NotJson, RecursionError):
            pass  # best effort: the class and the message are kept in any case
    if isinstance(error, Failed) and "data" not in kept:
        kept["data"] = {name: repr(value)[:1000] for name, value in error.data.items()}
    kept["bases"] = [[base.__module__, base.__qualname__] for base in kind.__mro__[1:-1]]
    outcome = {
        "type": kind.__qualname__,
        "module": kind.__module__,
        "message": described["message"],
        "data": kept,
        "traceback": described["traceback"],
        "span": getattr(error, "__hero_span__", None),
    }
    return json.dumps(outcome, ensure_ascii=False, separators=(",", ":"))


def recall(kind: str, text: str, span_id: str) -> Any:
    """The remembered value, or the remembered error raised."""
    if kind == "error":
        error = rebuild(text)
        happened_in(error, span_id)
        raise error
    return load(text) if kind == "value" else json.loads(text)


def rebuild(text: str) -> BaseException:
    """The remembered error, as an instance that the same `except` catches.

    >>> error = rebuild(error_json(KeyError("a"), describe(KeyError("a"))))
    >>> error
    KeyError('a')
    >>> gone = '{"type": "Gone", "module": "nowhere", "message": "m", "data": {"bases": [["builtins", "OSError"]]}}'
    >>> isinstance(rebuild(gone), OSError), type(rebuild(gone)).__name__, str(rebuild(gone))
    (True, 'Gone', 'm')
    """
    outcome = json.loads(text)
    data = outcome.get("data") or {}
    message = outcome.get("message", "")
    name = outcome.get("type", "Error")
    kind = _find(outcome.get("module", ""), name)
    if kind is None:
        base = next((found for pair in data.get("bases", ()) if (found := _find(*pair))), Exception)
        kind = type(name.rpartition(".")[2], (base,), {"__module__": outcome.get("module", "")})
    args = data["args"] if isinstance(data.get("args"), list) else [message]
    if issubclass(kind, Failed):
        error: BaseException = kind.__new__(kind, *args)
        error.message, error.data = message, data.get("data", {})  # type: ignore[attr-defined]
    else:
        error = _instance(kind, args, message)
    error.args = tuple(args)
    for attribute, value in (data.get("attributes") or {}).items():
        try:
            setattr(error, attribute, value)
        except Exception:
            pass  # a property without a setter: what it computes is computed again
    if text_of(error) != message:
        error = _worded(error, kind, message)
    if outcome.get("span"):
        happened_in(error, outcome["span"])
    return error


def happened_in(error: BaseException, span_id: str) -> None:
    """Notes the innermost span that an error came from; outer ones do not overwrite it."""
    if getattr(error, "__hero_span__", None) is None:
        try:
            error.__hero_span__ = span_id  # type: ignore[attr-defined]
        except Exception:
            pass  # a class that takes no attributes: the root's span is shown instead


def note_members(error: BaseException, members: Iterable[BaseException]) -> None:
    """The error of a fan-out stands for the errors of all of its members."""
    try:
        error.__hero_members__ = [span for member in members for span in spans_of(member)]  # type: ignore[attr-defined]
    except Exception:
        pass  # a class that takes no attributes: a retry finds the members by their messages


def spans_of(error: BaseException, depth: int = 0) -> list[str]:
    """The spans in which the error arose, and the errors that it came from: one, or those of all members of a fan-out."""
    members: list[str] = list(getattr(error, "__hero_members__", ()))
    came_from = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for inner in (*getattr(error, "exceptions", ()), came_from):
        if inner is not None and depth < 20:
            members += spans_of(inner, depth + 1)
    own = getattr(error, "__hero_span__", None)
    return list(dict.fromkeys([*([own] if own else []), *members]))[:10_000]


def text_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = f"<{type(error).__name__}: its text cannot be made>"
    return text.encode("utf-8", "replace").decode()


def traceback_of(error: BaseException) -> str:
    """The traceback without the SDK's frames, chained errors included. A `flow.Failed` has none."""
    if isinstance(error, Failed):
        return ""
    try:
        told = traceback.TracebackException.from_exception(error, limit=None, compact=True)
    except Exception:
        return text_of(error)
    _without_sdk(told, set())
    text = "".join(told.format()).encode("utf-8", "replace").decode()
    if len(text) > TRACEBACK_LIMIT:
        half = TRACEBACK_LIMIT // 2
        text = f"{text[:half]}\n… ({len(text) - 2 * half} characters left out)\n{text[-half:]}"
    return text


def user_line(error: BaseException, file: str) -> int | None:
    """The deepest line of the given file that the error passed."""
    line, step = None, error.__traceback__
    while isinstance(step, TracebackType):
        if step.tb_frame.f_code.co_filename == file:
            line = step.tb_lineno
        step = step.tb_next
    return line


def _without_sdk(told: traceback.TracebackException, seen: set[int]) -> None:
    if id(told) in seen:
        return
    seen.add(id(told))
    told.stack[:] = [frame for frame in told.stack if not frame.filename.startswith(_HERE)]
    for chained in (told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or ())):
        if chained is not None:
            _without_sdk(chained, seen)


def _attributes(error: BaseException) -> dict[str, Any]:
    kept = {}
    for name, value in getattr(error, "__dict__", {}).items():
        if name.startswith("_") or (isinstance(error, Failed) and name in ("message", "data")):
            continue
        try:
            dump(value)
        except (NotJson, RecursionError):
            continue
        kept[name] = value
    return kept


def _find(module: str, name: str) -> type[BaseException] | None:
    try:
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception:
        return None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _instance(kind: type[BaseException], args: list[Any], message: str) -> BaseException:
    make: Any = kind
    if kind.__module__ == "builtins":
        try:
            return cast(BaseException, make(*args))
        except Exception:
            pass
    try:
        return kind.__new__(kind, *args)
    except Exception:
        pass
    try:
        return cast(BaseException, make(message))
    except Exception:
        base: Any = next(base for base in kind.__mro__ if base.__module__ == "builtins")
        return cast(BaseException, base(message))


def _worded(error: BaseException, kind: type[BaseException], message: str) -> BaseException:
    """The class makes another text of what was kept: a subclass of the same name says what was said."""
    try:
        error.__class__ = type(
            kind.__name__,
            (kind,),
            {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__str__": lambda self: message},
        )
    except TypeError:  # built-in classes cannot be exchanged in place
        named = type(kind.__name__, (kind,), {"__module__": kind.__module__, "__str__": lambda self: message})
        try:
            made: BaseException = named.__new__(named, *error.args)
            made.args = error.args
            return made
        except Exception:
            return error
    return error
