"""The options of `@flow`: one table for the decorator, the inspector of sources and the reference (docs/authoring.md).

A new option is one entry here, its parameter in the overload of `Flow.__call__` and an attribute of `Declaration`; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ._errors import OptionError
from ._fields import fields_of
from ._names import check_name

LATER = ("sandbox",)
MOST_RETRIES = 1000
LONGEST_SECONDS = 365 * 24 * 3600.0
DURABILITIES = ("durable", "pipelined")


class Option(NamedTuple):
    """`check` raises an OptionError. `of`: what the option is declared for; one of `play` has an effect on the entry flow only."""

    default: Any
    check: Callable[[str, Any], None]
    doc: str
    of: str = "step"  # library, step or play
    default_doc: str = ""


def _name(option: str, value: Any) -> None:
    if value is not None:
        check_name(value, "@flow")


def _text(option: str, value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise OptionError(f"@flow: {option} must be a string, not {value!r}")


def _fields(option: str, value: Any) -> None:
    if value is not None:
        fields_of(value, option)


def _number(least: float, most: float, what: str) -> Callable[[str, Any], None]:
    def check(option: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise OptionError(f"@flow: {option} must be {what}, not {value!r}")

    return check


def _retries(option: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_RETRIES:
        raise OptionError(f"@flow: {option} must be a whole number from 0 to {MOST_RETRIES}, not {value!r}")


def _timeout(option: str, value: Any) -> None:
    if value is not None:
        _number(0.001, LONGEST_SECONDS, "a number of seconds above 0")(option, value)


def _switch(option: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise OptionError(f"@flow: {option} must be True or False, not {value!r}")


def _durability(option: str, value: Any) -> None:
    if value not in DURABILITIES:
        raise OptionError(f"@flow: {option} must be {' or '.join(map(repr, DURABILITIES))}, not {value!r}")


def _names(example: str) -> Callable[[str, Any], None]:
    def check(option: str, value: Any) -> None:
        if not isinstance(value, (list, tuple, set, frozenset)) or not all(
            isinstance(one, str) and one for one in value
        ):
            raise OptionError(f"@flow: {option} must be {example}, not {value!r}")

    return check


SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def _secrets(option: str, value: Any) -> None:
    example = "a list of names of letters, digits and _, for example ['API_KEY']"
    _names(example)(option, value)
    if not all(SECRET_NAME.fullmatch(name) for name in value):
        raise OptionError(f"@flow: {option} must be {example}, not {value!r}")


def _hosts(option: str, value: Any) -> None:
    example = "a list of hosts, for example ['api.example.org', 'db.internal:5432']"
    if value is None:
        return
    _names(example)(option, value)
    for one in value:
        if not _HOST.fullmatch(one):
            raise OptionError(
                f"@flow: {option} must be {example}; {one!r} is not a host (leave out https:// and the path)"
            )


# A name, also `*.domain`, or an address; an IPv6 address with a port is in brackets.
_HOST = re.compile(
    r"((\*\.)?[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
)

OPTIONS: dict[str, Option] = {
    "name": Option(
        None, _name, "the name in the tree and in the library, 1 to 200 characters", "library", "the function's name"
    ),
    "inputs": Option(
        None,
        _fields,
        'for each field `type`, `required`, `default`, `description`, `enum`, `schema`; or only its type: `{"topic": str}`. Checked when a play starts',
        "library",
        "read from the type hints",
    ),
    "outputs": Option(
        None, _fields, "the same for the result; checked when the flow returns", "library", "read from the type hints"
    ),
    "description": Option(None, _text, "for readers, and for the library search", "library", "the docstring"),
    "tags": Option(
        (),
        _names("a list of strings, for example ['mail']"),
        "for readers, and for the library search",
        "library",
        "none",
    ),
    "memo": Option(
        True, _switch, "`False`: a span without memory, run again in each replay; what it calls is remembered"
    ),
    "retries": Option(0, _retries, f"how many times a failed body is tried again, 0 to {MOST_RETRIES}"),
    "retry_delay": Option(
        1.0,
        _number(0, LONGEST_SECONDS, "a number of seconds, 0 or more"),
        "seconds before the second try; the n-th wait is `retry_delay × backoff^(n−1)`, up to a day",
    ),
    "backoff": Option(
        2.0,
        _number(1, 100, "a factor from 1 to 100"),
        "the factor by which each wait is longer than the one before, 1 to 100",
    ),
    "jitter": Option(
        0.1,
        _number(0, 1, "a share from 0 to 1"),
        "the largest random addition to a wait, as a share of it, 0 to 1",
    ),
    "timeout": Option(
        None,
        _timeout,
        "seconds of work, waits excluded; then `StepTimeout`. On the entry flow: the play's own limit, which ends it as `timed_out`",
        default_doc="none",
    ),
    "at_most_once": Option(
        False,
        _switch,
        "if its process dies between begin and commit, it does not run again by itself: a person decides",
    ),
    "durability": Option("durable", _durability, '[`"pipelined"`](durability.md) commits in the background', "play"),
    "grants": Option(
        (),
        _names("a list of method names, for example ['workflow_list']"),
        "methods that `flow.call` may call",
        "play",
        "none",
    ),
    "secrets": Option(
        (),
        _secrets,
        "names of what [`flow.secret`](secrets.md) may ask for",
        "play",
        "none",
    ),
    "egress": Option(
        None,
        _hosts,
        "what it may reach of what [`HERO_EGRESS`](network.md) allows: `host`, `host:port`, `*.domain`, `public`",
        "play",
        "all of that",
    ),
}
OF_PLAYS = tuple(name for name, option in OPTIONS.items() if option.of == "play")
# The options that the registry keeps with a version; the entry's timeout is added as `timeout_ms`.
RUNTIME = (*OF_PLAYS, "retries", "retry_delay", "backoff", "jitter")
DEFAULTS = {name: option.default for name, option in OPTIONS.items()}


def check_option(option: str) -> None:
    """Raises an error for an option that `@flow` does not have (yet)."""
    if option in LATER:
        raise OptionError(f"@flow has no option {option!r} in this version of hero_tracing: remove it")
    if option not in OPTIONS:
        raise OptionError(f"@flow has no option {option!r}; it has {', '.join(OPTIONS)}")


def check_together(options: Mapping[str, Any]) -> None:
    """Raises an error for options that exclude each other."""
    if options.get("memo") is not False:
        return
    for option in ("at_most_once", "timeout"):
        if options.get(option):
            raise OptionError(f"@flow: {option} needs memory: remove memo=False")


def reference() -> str:
    """The table of the reference, in Markdown.

    >>> print(reference().splitlines()[7])
    | `memo` | `True` | `False`: a span without memory, run again in each replay; what it calls is remembered |
    """
    rows = ["| option | default | |", "|---|---|---|"]
    for name, option in OPTIONS.items():
        default = option.default_doc or f"`{option.default!r}`"
        doc = f"entry flow: {option.doc}" if option.of == "play" else option.doc
        rows.append(f"| `{name}` | {default} | {doc} |")
    return "\n".join(rows)
