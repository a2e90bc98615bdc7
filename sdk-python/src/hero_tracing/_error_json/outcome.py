"""Writes an error as an outcome for memory (`rebuild` makes the error from it).

Rules:
 1. SystemExit, KeyboardInterrupt, GeneratorExit and cancellation are never remembered.
 2. The caller gets the rebuilt error, in the first run as in a replay.
 3. Every error can be remembered: text that cannot be stored is cleaned, too large a value is shortened, and a note says so.
 4. It holds no secret: the name stands for it, also in the error that the caller gets (rule 2).
 5. `str()` of the rebuilt error is the same, whatever its class computes from the kept arguments.

The outcome is `{type, module, message, data, traceback, span}`. `data` has `args`, `attributes`, `bases`, `notes`, `frames`,
`spans`, for a group its `text` and `members`, and `related`: causes, contexts, members and errors in attributes, each of the
same form and named by its number; 0 is the error itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from .._canonical import load
from .._errors import Failed
from .._sanitise import clean_text
from .._secrets import redactor
from .._stack import with_stack
from . import instances
from .classes import number_of, real_class
from .describe import describe, text_of
from .frames import frames_of
from .packing import Packer, Unpackable
from .rebuild import rebuilt
from .shorten import LIMITS, OUTCOME_LIMIT, shortened
from .trail import arose_in, attribute, happened_in, members_of, trail

NOT_REMEMBERED = (SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)
MOST_RELATED = 20_000
CLEANED = "hero_tracing: NUL characters and lone surrogates of this error cannot be stored; U+FFFD replaces them"


def is_remembered(error: BaseException) -> bool:
    """Rule 1, also of a group that has such a member."""
    if isinstance(error, NOT_REMEMBERED):
        return False
    return all(is_remembered(one) for one in members_of(error))


def remembered_error(error: BaseException, described: dict[str, str] | None = None) -> tuple[str, BaseException]:
    """The outcome as JSON text, and the error that the caller gets (rule 2)."""
    text = error_json(error, described)
    return text, rebuild(text)


def error_json(error: BaseException, described: dict[str, str] | None = None) -> str:
    """The outcome of a step that failed, as JSON text."""
    return with_stack(lambda: _Written(error, described).text())


def recall(kind: str, text: str, span_id: str) -> Any:
    """The remembered value, or the remembered error raised."""
    if kind == "error":
        error = rebuild(text)
        happened_in(error, span_id)
        raise error
    return load(text)


def rebuild(text: str) -> BaseException:
    """The remembered error, as an instance that the same `except` catches.

    >>> error = rebuild(error_json(KeyError("a")))
    >>> error
    KeyError('a')
    >>> gone = '{"type": "Gone", "module": "nowhere", "message": "m", "data": {"bases": [["builtins", "OSError"]]}}'
    >>> isinstance(rebuild(gone), OSError), type(rebuild(gone)).__name__, str(rebuild(gone))
    (True, 'Gone', 'm')
    """
    return with_stack(lambda: rebuilt(json.loads(text)))


# --- writing --------------------------------------------------------------------------------------------------------------


class _Written:
    """One error and those that it is related to."""

    def __init__(self, error: BaseException, described: dict[str, str] | None) -> None:
        self.described = described or describe(error)
        self.span = arose_in(error)
        self.errors = [error]
        self.numbers = {id(error): 0}
        self.entries: list[dict[str, Any]] = []
        while len(self.entries) < len(self.errors):
            self.entries.append(self._entry(self.errors[len(self.entries)]))

    def text(self) -> str:
        text = self._json(self.entries)
        size = len(text.encode())
        for limits in LIMITS:
            if len(text) <= OUTCOME_LIMIT // 4 or len(text.encode()) <= OUTCOME_LIMIT:
                break
            text = self._json(shortened(self.entries, limits, size))
        return redactor.json(text)

    def _json(self, entries: list[dict[str, Any]]) -> str:
        first = entries[0]
        data = {**first["data"], "related": entries[1:]} if len(entries) > 1 else first["data"]
        outcome = {**first, "data": data, "traceback": self.described["traceback"], "span": self.span}
        return json.dumps(outcome, ensure_ascii=False, separators=(",", ":"))

    def _number(self, error: BaseException) -> int:
        number = self.numbers.get(id(error))
        if number is None:
            if len(self.errors) >= MOST_RELATED:
                raise Unpackable
            number = self.numbers[id(error)] = len(self.errors)
            self.errors.append(error)
        return number

    def _entry(self, error: BaseException) -> dict[str, Any]:
        packer = Packer(self._number)
        kind = real_class(type(error))
        members = members_of(error)
        data: dict[str, Any] = {}
        if members:
            data["text"] = packer.text(str(attribute(error, "message") or ""))
            data["members"] = self._numbers(members)
        else:
            data["args"] = [packer.shown(one) for one in error.args]
        attributes = _packed(packer, error)
        if attributes:
            data["attributes"] = attributes
        data["bases"] = [[base.__module__, base.__qualname__] for base in kind.__mro__[1:-1]]
        nth = number_of(kind)
        if nth:
            data["nth"] = nth
        if error.__cause__ is not None:
            data["cause"] = self._numbers([error.__cause__])[:1]
        if error.__suppress_context__:
            data["suppress"] = True
        elif error.__context__ is not None:
            data["context"] = self._numbers([error.__context__])[:1]
        frames = [[packer.text(file), line, name, packer.text(text)] for file, line, name, text in frames_of(error)]
        if frames:
            data["frames"] = frames
        data["spans"] = trail(error)
        message = packer.text(text_of(error))
        notes = attribute(error, "__notes__")
        kept = [packer.text(note) for note in notes if isinstance(note, str)] if isinstance(notes, list) else []
        if (packer.cleaned or _odd(error)) and CLEANED not in kept:
            kept.append(CLEANED)
        if kept:
            data["notes"] = kept
        return {
            "type": clean_text(kind.__qualname__),
            "module": clean_text(kind.__module__),
            "message": message,
            "data": data,
        }

    def _numbers(self, errors: Iterable[BaseException]) -> list[int]:
        found = []
        for one in errors:
            try:
                found.append(self._number(one))
            except Unpackable:
                break  # further related errors are left out
        return found


def _packed(packer: Packer, error: BaseException) -> dict[str, Any]:
    kept = {}
    for name, value in instances.attributes_of(error).items():
        if members_of(error) and name in ("message", "exceptions"):
            continue
        try:
            kept[packer.text(name)] = packer.exact(value)
        except (Unpackable, RecursionError):
            # For `flow.Failed` a value that is not JSON becomes its repr. Elsewhere None: its class expects the attribute to be there.
            kept[packer.text(name)] = packer.shown(value) if isinstance(error, Failed) else None
    return kept


def _odd(error: BaseException) -> bool:
    """Whether its text was already cleaned when the error was rebuilt."""
    try:
        text = str(error)
    except Exception:
        return False
    return clean_text(text) != text
