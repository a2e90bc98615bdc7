"""Finds the secrets that this process was given, by their values, and replaces them by their names.

The executor does the same again (apps/executor/src/secrets/redactor.ts).

Rules:
 1. What is cut elsewhere ends in `…`: the beginning of a secret before it counts as the secret.
 2. A JSON text is searched as it stands and changed by its strings, so that it stays JSON.
 3. A value that was given once is known for as long as the process lives: it may have been kept in a variable.
"""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from typing import Any
from urllib.parse import quote

from .._stack import with_stack
from .forms import forms_of, values_of

LEAST_BEGINNING = 6  # so many characters of a secret are recognised before a cut
CUT = "…"


class Redactor:
    """The secrets that were given, as one regular expression.

    >>> known = Redactor()
    >>> known.add("KEY", "sk-1234/5678")
    >>> known.text("?key=sk-1234%2F5678"), known.json('{"a":["sk-1234/5678"]}')
    ('?key=(redacted: KEY)', '{"a":["(redacted: KEY)"]}')
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: dict[tuple[str, str], None] = {}
        self._names: list[str] = []
        self._beginnings: list[tuple[str, str]] = []
        self._pattern: re.Pattern[str] | None = None

    def add(self, name: str, value: str) -> None:
        with self._lock:
            if (name, value) in self._secrets:
                return
            self._secrets[name, value] = None
            known = [(name, one) for name, secret in self._secrets for one in values_of(secret)]
            known.sort(key=lambda one: -len(one[1]))
            self._names = [name for name, _ in known]
            self._beginnings = [(name, text) for name, value in known for text in _spellings(value)]
            self._pattern = re.compile("|".join(f"({'|'.join(forms_of(value))})" for _, value in known))

    def find(self, text: str) -> str | None:
        """The name of a secret in this text."""
        if self._pattern is None:
            return None
        found = self._pattern.search(text)
        return None if found is None else self._names[(found.lastindex or 1) - 1]

    def text(self, text: str) -> str:
        if self._pattern is None:
            return text
        shown = self._pattern.sub(lambda found: redacted(self._names[(found.lastindex or 1) - 1]), text)
        if CUT not in shown:
            return shown
        *parts, rest = shown.split(CUT)
        return CUT.join([*map(self._without_beginning, parts), rest])

    def json(self, text: str) -> str:
        """The same for a JSON text (rule 2)."""
        if self._pattern is None or not (self._pattern.search(text) or CUT in text or "\\u2026" in text):
            return text
        value = json.loads(text)
        shown = with_stack(lambda: self._walk(value, 0))
        return text if shown == value else json.dumps(shown, ensure_ascii=False, separators=(",", ":"))

    def event(self, line: str) -> str:
        """The same for a line of the telemetry lane."""
        return line if self._pattern is None else self.json(line.rstrip("\n")) + "\n"

    def path_in(self, value: Any, path: str) -> tuple[str, str] | None:
        """Where in a value of JSON a secret is, and its name; for the message of a refusal."""
        if self._pattern is None:
            return None
        if isinstance(value, dict):
            for key, inner in value.items():
                name = self.find(str(key))
                found = (f"{path} (a key)", name) if name else self.path_in(inner, f"{path}.{key}")
                if found:
                    return found
            return None
        if isinstance(value, (list, tuple)):
            return next(filter(None, (self.path_in(one, f"{path}[{nth}]") for nth, one in enumerate(value))), None)
        name = self.find(str(value))
        return (path, name) if name else None

    def _walk(self, value: Any, depth: int) -> Any:
        """Numbers at the top are those of an event or an error itself (its duration), and never a play's."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and depth > 1:
            return self.text(repr(value)) if self.find(repr(value)) else value
        if isinstance(value, list):
            return [self._walk(one, depth + 1) for one in value]
        if isinstance(value, dict):
            return {self.text(key): self._walk(inner, depth + 1) for key, inner in value.items()}
        return value

    def _without_beginning(self, before: str) -> str:
        """Rule 1."""
        end = len(before.rstrip(" \t\r\n\ufffd"))
        for name, text in self._beginnings:
            first = text[:LEAST_BEGINNING]
            at = before.find(first, max(0, end - len(text)))
            while at != -1:
                if text.startswith(before[at:end]):
                    return before[:at] + redacted(name) + before[end:]
                at = before.find(first, at + 1)
        return before


def redacted(name: str) -> str:
    return f"(redacted: {name})"


def _spellings(value: str) -> dict[str, None]:
    """The forms whose beginning is looked for: as it is, in JSON, in a URL, in base64."""
    return dict.fromkeys(
        (
            value,
            json.dumps(value, ensure_ascii=False)[1:-1],
            quote(value, safe="!'()*"),
            b64encode(value.encode()).decode(),
        )
    )


redactor = Redactor()
