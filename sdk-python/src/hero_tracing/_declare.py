"""What `@flow(...)` declares: its options, its fields, and how the arguments of a call are bound."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring as quoted
from typing import Any

from ._canonical import canonical
from ._errors import ArgumentNotJson, NotJson, OptionError
from ._fields import Field, fields_of

OPTIONS = (
    "name", "inputs", "outputs", "description", "tags", "memo", "retries", "retry_delay", "backoff", "jitter", "timeout",
    "at_most_once", "durability", "grants",
)  # fmt: skip
LATER = ("sandbox",)
MOST_RETRIES = 1000
LONGEST_SECONDS = 365 * 24 * 3600.0
DURABILITIES = ("durable", "pipelined")
_SIMPLE = inspect.Parameter.POSITIONAL_OR_KEYWORD
_NONE = inspect.Parameter.empty


def check_option(option: str) -> None:
    """Raises an error that names an option that `@flow` does not have (yet)."""
    if option in LATER:
        raise OptionError(f"@flow has no option {option!r} in this version of hero_tracing: leave it out")
    if option not in OPTIONS:
        raise OptionError(f"@flow has no option {option!r}; it has {', '.join(OPTIONS)}")


def check_value(option: str, value: Any) -> None:
    """Raises an error that says what one of the options that concern the runtime may be."""

    def number(least: float, most: float, what: str) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise OptionError(f"@flow: {option} is {what}, not {value!r}")

    if option == "retries":
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_RETRIES:
            raise OptionError(f"@flow: retries is a whole number from 0 to {MOST_RETRIES}, not {value!r}")
    elif option == "retry_delay":
        number(0, LONGEST_SECONDS, "a number of seconds, 0 or more")
    elif option == "backoff":
        number(1, 100, "the factor by which each wait is longer than the one before, 1 to 100")
    elif option == "jitter":
        number(0, 1, "the part of a wait that is added at random at most, 0 to 1")
    elif option == "timeout":
        if value is not None:
            number(0.001, LONGEST_SECONDS, "a number of seconds above 0")
    elif option in ("memo", "at_most_once"):
        if not isinstance(value, bool):
            raise OptionError(f"@flow: {option} is True or False, not {value!r}")
    elif option == "durability":
        if value not in DURABILITIES:
            raise OptionError(f"@flow: durability is {' or '.join(map(repr, DURABILITIES))}, not {value!r}")
    elif option == "grants":
        if not isinstance(value, (list, tuple, set, frozenset)) or not all(isinstance(grant, str) and grant for grant in value):
            raise OptionError("@flow: grants is a list of method names, as ['workflow_list']")


def check_together(options: Mapping[str, Any]) -> None:
    """Raises an error for options that exclude each other."""
    if options.get("memo") is not False:
        return
    for option in ("at_most_once", "timeout"):
        if options.get(option):
            raise OptionError(f"@flow: {option} needs memory: leave memo=False out")


class Declaration:
    """One `@flow` function: workflow, step and unit of memory at once."""

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        name: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        description: str | None = None,
        tags: Any = (),
        memo: bool = True,
        retries: int = 0,
        retry_delay: float = 1.0,
        backoff: float = 2.0,
        jitter: float = 0.1,
        timeout: float | None = None,
        at_most_once: bool = False,
        durability: str = "durable",
        grants: Any = (),
    ) -> None:
        if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
            raise OptionError(f"@flow: {fn.__name__} is a generator; a flow returns one value, so return a list")
        if not callable(fn) or isinstance(fn, type):
            raise OptionError("@flow decorates a function")
        self.fn = fn
        self.name = name if name is not None else getattr(fn, "__name__", "flow")
        check_name(self.name, "@flow")
        self.name_json = quoted(self.name)
        self.description = inspect.getdoc(fn) or "" if description is None else description
        self.tags = list(tags)
        given = {
            "memo": memo, "retries": retries, "retry_delay": retry_delay, "backoff": backoff, "jitter": jitter,
            "timeout": timeout, "at_most_once": at_most_once, "durability": durability, "grants": grants,
        }  # fmt: skip
        for option, value in given.items():
            check_value(option, value)
        check_together(given)
        self.memo = memo
        self.retries, self.retry_delay, self.backoff, self.jitter = retries, retry_delay, backoff, jitter
        self.timeout, self.at_most_once = timeout, at_most_once
        self.durability, self.grants = durability, list(grants)
        self.guarded = bool(retries or at_most_once or timeout is not None)
        self.is_async = inspect.iscoroutinefunction(fn)
        self.inputs: list[Field] | None = None if inputs is None else fields_of(inputs, "inputs")
        self.outputs: list[Field] | None = None if outputs is None else fields_of(outputs, "outputs")
        self._signature = inspect.signature(fn)
        parameters = self._signature.parameters
        self._names = tuple(parameters)
        self._simple = all(parameter.kind is _SIMPLE for parameter in parameters.values())
        self._defaults = {key: item.default for key, item in parameters.items() if item.default is not _NONE}

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The bound arguments, defaults included."""
        names = self._names
        if self._simple:
            if len(args) == len(names) and not kwargs:
                return dict(zip(names, args))
            if len(args) <= len(names):
                bound = {**self._defaults, **dict(zip(names, args)), **kwargs}
                taken = names[: len(args)]
                if (
                    len(bound) == len(names)
                    and not any(name in kwargs for name in taken)
                    and all(map(bound.__contains__, names))
                ):
                    return bound
        try:
            found = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None
        found.apply_defaults()
        return dict(found.arguments)

    def root_arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a play's entry: what was given, with the defaults that `inputs` declare."""
        filled = dict(given)
        for field in self.inputs or ():
            name = field["name"]
            if name in filled:
                continue
            if "default" in field:
                filled[name] = field["default"]
            elif not field["required"] and name not in self._defaults and name in self._names:
                filled[name] = None
        return filled

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Canonical JSON of the bound arguments."""
        try:
            return canonical(self.bind(args, kwargs), "arguments")
        except NotJson as error:
            raise ArgumentNotJson(error.path, f"{error.problem} (in the call of {self.name!r})") from None


def check_name(name: Any, where: str) -> None:
    """Names are texts of 1 to 200 characters without control characters."""
    if not isinstance(name, str) or not 1 <= len(name) <= 200:
        raise OptionError(f"{where}: a name is a text of 1 to 200 characters")
    if any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in name):
        raise OptionError(f"{where}: the name {name!r} has control characters or lone surrogates")
