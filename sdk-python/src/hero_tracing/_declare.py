"""What `@flow(...)` declares: its options, its fields, and how the arguments of a call are bound."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring as quoted
from typing import Any

from ._canonical import canonical
from ._errors import ArgumentNotJson, NotJson, OptionError
from ._fields import Field, fields_of

OPTIONS = ("name", "inputs", "outputs", "description", "tags", "memo")
LATER = (
    "retries", "retry_delay", "backoff", "timeout", "at_most_once", "sandbox", "durability", "grants",
)  # fmt: skip
_SIMPLE = inspect.Parameter.POSITIONAL_OR_KEYWORD
_NONE = inspect.Parameter.empty


def check_option(option: str) -> None:
    """Raises an error that names an option that `@flow` does not have (yet)."""
    if option in LATER:
        raise OptionError(f"@flow has no option {option!r} in this version of hero_tracing: leave it out")
    if option not in OPTIONS:
        raise OptionError(f"@flow has no option {option!r}; it has {', '.join(OPTIONS)}")


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
        self.memo = memo
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
