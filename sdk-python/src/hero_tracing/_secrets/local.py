"""Secrets outside the runtime: those that a test gives, else HERO_SECRETS_FILE, else the environment of the user.

The file has `NAME=value` lines, or is one JSON object of texts, as the executor reads it (apps/executor/src/secrets/secret-file.ts).
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping

from .._errors import SecretUnavailable

LEAST_SECRET = 8
MOST_SECRET = 8 * 1024  # bytes of UTF-8


class LocalSecrets:
    """`given`: what a test gives; `declared`: what the entry flow declares, where there is one."""

    def __init__(self, given: Mapping[str, str] | None = None, declared: tuple[str, ...] | None = None) -> None:
        self.given = given
        self.declared = declared

    def get(self, name: str) -> str:
        if self.declared is not None and name not in self.declared:
            names = ", ".join(f'"{one}"' for one in (*self.declared, name))
            raise SecretUnavailable(
                f"This play may not have the secret {name}: declare it on its entry flow, as @flow(secrets=[{names}]).",
                name,
                "FORBIDDEN",
            )
        value = self._value(name)
        if len(value) < LEAST_SECRET:
            raise SecretUnavailable(
                f"The secret {name} has fewer than {LEAST_SECRET} characters, so it could not be redacted: use a longer one.",
                name,
                "UNAVAILABLE",
            )
        if len(value.encode("utf-8", "surrogatepass")) > MOST_SECRET:
            raise SecretUnavailable(
                f"The secret {name} is longer than {MOST_SECRET // 1024} KiB: use a shorter one.", name, "UNAVAILABLE"
            )
        return value

    def _value(self, name: str) -> str:
        if self.given is not None:
            if name in self.given:
                return self.given[name]
            raise _missing(name, f'the test gives none: play(…, secrets={{"{name}": …}})')
        path = os.environ.get("HERO_SECRETS_FILE")
        found = _read(path).get(name) if path else None
        value = found or os.environ.get(name)
        if value:
            return value
        remedy = (
            f"add the line {name}=… to {path}" if path else f"set the environment variable {name}, or HERO_SECRETS_FILE"
        )
        raise _missing(name, f"{remedy} (outside the runtime)")


def _missing(name: str, remedy: str) -> SecretUnavailable:
    return SecretUnavailable(f"There is no secret {name}: {remedy}.", name, "NOT_FOUND")


def _read(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise _unusable(f"mode {mode:04o} lets others read it; run: chmod 600 {path}")
            text = file.read()
    except OSError as error:
        raise _unusable(f"{path} cannot be read: {error.strerror}") from None
    try:
        if text.lstrip().startswith("{"):
            return {str(name): value for name, value in json.loads(text).items() if isinstance(value, str)}
        return dict(_entry(line) for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))
    except ValueError:  # without the parser's own words, which may quote a secret
        raise _unusable("write NAME=value lines, or one JSON object of texts") from None


def _entry(line: str) -> tuple[str, str]:
    name, sign, value = line.strip().removeprefix("export ").partition("=")
    if not sign:
        raise ValueError
    value = value.strip()
    return name.strip(), str(json.loads(value)) if value.startswith('"') else value


def _unusable(problem: str) -> SecretUnavailable:
    return SecretUnavailable(f"HERO_SECRETS_FILE: {problem}.", "", "UNAVAILABLE")
