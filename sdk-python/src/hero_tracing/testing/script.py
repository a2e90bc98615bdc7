"""The scripts of the scripted broker: which reply belongs to which request (docs/testing.md has the table).

Rules:
 1. The first reply whose `when` fits the request, and that has uses left, is given. Nothing is made up: a request that no reply
    fits is an error that says what each would have needed.
 2. A script is checked when it is loaded, and each fault is named with its path.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Lock
from typing import Any

from .._errors import OptionError

MODEL = "scripted-model"
_SCRIPT = {"about": str, "model": str, "api_key": str, "replies": list}
_REPLY = {
    "name": str, "when": dict, "times": int, "content": str, "tool_calls": list, "error": dict, "usage": dict, "finish_reason": str,
    "delay_ms": int, "cut_after": int,
}  # fmt: skip
_WHEN = {"model": str, "last": str, "system": str, "any": str, "role": str, "tools": list, "stream": bool}
_ERROR = {"status": int, "message": str, "type": str, "code": str, "retry_after": (int, float)}
_CALL = {"id": str, "name": str, "arguments": dict}


class Reply:
    """One reply of a script, and how often it may still be given."""

    def __init__(self, given: Mapping[str, Any], index: int) -> None:
        self.name: str = given.get("name", f"replies[{index}]")
        self.when: Mapping[str, Any] = given.get("when", {})
        self.left: int | None = given.get("times")
        self.content: str | None = given.get("content")
        self.tool_calls: list[dict[str, Any]] = given.get("tool_calls", [])
        self.error: Mapping[str, Any] | None = given.get("error")
        self.usage: Mapping[str, int] | None = given.get("usage")
        self.finish_reason: str = given.get("finish_reason") or ("tool_calls" if self.tool_calls else "stop")
        self.delay: float = given.get("delay_ms", 0) / 1000
        self.cut_after: int | None = given.get("cut_after")


class Script:
    """A checked script; `answer` may be called by several threads."""

    def __init__(self, given: Any, source: str = "script") -> None:
        _check(given, _SCRIPT, source)
        self.source = source
        self.model: str = given.get("model", MODEL)
        self.api_key: str | None = given.get("api_key")
        self.replies: list[Reply] = []
        self._lock = Lock()
        if not given.get("replies"):
            raise OptionError(
                f'{source}.replies: a script needs at least one reply, for example {{"content": "Hello."}}'
            )
        for index, reply in enumerate(given["replies"]):
            path = f"{source}.replies[{index}]"
            _check(reply, _REPLY, path)
            _check(reply.get("when", {}), _WHEN, f"{path}.when")
            _check(reply.get("error", {}), _ERROR, f"{path}.error")
            for number, call in enumerate(reply.get("tool_calls", [])):
                _check(call, _CALL, f"{path}.tool_calls[{number}]", needs=("name",))
            if not {"content", "tool_calls", "error"} & set(reply):
                raise OptionError(f"{path}: a reply needs content, tool_calls or error")
            self.replies.append(Reply(reply, index))

    @classmethod
    def load(cls, given: str | Path | Mapping[str, Any]) -> Script:
        """A script from a file, or from the same as a dict."""
        if isinstance(given, Mapping):
            return cls(given)
        path = Path(given)
        try:
            return cls(json.loads(path.read_text("utf-8")), path.name)
        except OSError as error:
            raise OptionError(f"the script {path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise OptionError(f"the script {path} is not JSON: {error}") from None

    def answer(self, request: Mapping[str, Any]) -> Reply | str:
        """The reply for a request; a text says why there is none (rule 1)."""
        missed = []
        with self._lock:
            for reply in self.replies:
                misses = misses_of(reply, request)
                if not misses:
                    if reply.left is not None:
                        reply.left -= 1
                    return reply
                missed.append(f"{reply.name} needs {' and '.join(misses)}")
        asked = f"model {request.get('model')!r}, last message {_text(_last(request))[:200]!r}"
        return f"no reply of {self.source} fits this request ({asked}): {'; '.join(missed)}"


def misses_of(reply: Reply, request: Mapping[str, Any]) -> list[str]:
    """What a request lacks for this reply.

    >>> misses_of(Reply({"when": {"last": "tea", "model": "gpt-*"}}, 0), {"model": "gpt-5", "messages": []})
    ["a last message with 'tea'"]
    """
    when, misses = reply.when, []
    last = _last(request)
    texts = [_text(message) for message in _messages(request)]
    system = " ".join(
        _text(message) for message in _messages(request) if message.get("role") in ("system", "developer")
    )
    offered = {_function(tool).get("name") for tool in request.get("tools") or ()}
    checks: dict[str, Callable[[Any], Any]] = {
        "model": lambda wanted: fnmatchcase(str(request.get("model")), wanted) or f"a model like {wanted!r}",
        "last": lambda wanted: wanted in _text(last) or f"a last message with {wanted!r}",
        "system": lambda wanted: wanted in system or f"a system message with {wanted!r}",
        "any": lambda wanted: any(wanted in text for text in texts) or f"a message with {wanted!r}",
        "role": lambda wanted: last.get("role") == wanted or f"a last message of role {wanted!r}",
        "tools": lambda wanted: set(wanted) <= offered or f"the tools {', '.join(map(str, wanted))}",
        "stream": lambda wanted: bool(request.get("stream")) is wanted or f"stream={wanted}",
    }  # fmt: skip
    for name, wanted in when.items():
        fits = checks[name](wanted)
        if fits is not True:
            misses.append(str(fits))
    if reply.left == 0 and not misses:
        misses.append("more uses: it was given as often as its times says")
    return misses


def _messages(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [message for message in request.get("messages") or () if isinstance(message, Mapping)]


def _last(request: Mapping[str, Any]) -> Mapping[str, Any]:
    messages = _messages(request)
    return messages[-1] if messages else {}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):  # of parts
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _function(tool: Any) -> Mapping[str, Any]:
    found = tool.get("function") if isinstance(tool, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _check(given: Any, fields: Mapping[str, Any], path: str, needs: tuple[str, ...] = ()) -> None:
    if not isinstance(given, Mapping):
        raise OptionError(f"{path} must be an object, not {given!r:.80}")
    for name, value in given.items():
        if name not in fields:
            raise OptionError(f"{path} has no {name!r}; it has {', '.join(fields)}")
        kind = fields[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            wanted = "a number" if isinstance(kind, tuple) else _KINDS[kind]
            raise OptionError(f"{path}.{name} must be {wanted}, not {value!r:.80}")
    for name in needs:
        if name not in given:
            raise OptionError(f"{path} needs {name}")


_KINDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}
