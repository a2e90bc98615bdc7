"""What `@flow(...)` declares: its options, its fields, and how the arguments of a call are bound."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring as quoted
from typing import Any

from ._canonical import canonical
from ._errors import ArgumentNotJson, NotJson, OptionError
from ._fields import Field, fields_of
from ._names import check_name
from ._options import DEFAULTS, OPTIONS, check_option, check_together
from ._secrets.check import refuse_secret

_SIMPLE = inspect.Parameter.POSITIONAL_OR_KEYWORD
_NONE = inspect.Parameter.empty
_OF_STEPS = tuple(name for name, option in OPTIONS.items() if option.of == "step")


class Declaration:
    """One `@flow` function: a workflow, a step and a unit of memory in one."""

    memo: bool
    retries: int
    retry_delay: float
    backoff: float
    jitter: float
    timeout: float | None
    at_most_once: bool
    secrets: tuple[str, ...]

    def __init__(self, fn: Callable[..., Any], **options: Any) -> None:
        if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
            raise OptionError(f"@flow: {fn.__name__} is a generator; a flow returns one value, so return a list")
        if not callable(fn) or isinstance(fn, type):
            raise OptionError(f"@flow decorates a function, not {fn!r}: write it above a `def`")
        for option, value in options.items():
            check_option(option)
            OPTIONS[option].check(option, value)
        check_together(options)
        given = {**DEFAULTS, **options}
        self.fn = fn
        self.name: str = given["name"] if given["name"] is not None else getattr(fn, "__name__", "flow")
        check_name(self.name, "@flow")
        self.name_json = quoted(self.name)
        for option in _OF_STEPS:
            setattr(self, option, given[option])
        self.secrets = tuple(given["secrets"])  # has an effect on the entry flow only
        retried, limited = bool(self.retries), self.timeout is not None
        self.guarded = retried or limited or self.at_most_once
        self.is_async = inspect.iscoroutinefunction(fn)
        self.inputs: list[Field] | None = _fields(given, "inputs")
        self.outputs: list[Field] | None = _fields(given, "outputs")
        self._signature = inspect.signature(fn)
        parameters = self._signature.parameters
        self._names = tuple(parameters)
        self._simple = all(parameter.kind is _SIMPLE for parameter in parameters.values())
        self._required = sum(item.default is _NONE for item in parameters.values())
        self._defaults = {key: item.default for key, item in parameters.items() if item.default is not _NONE}
        self.mutable_defaults = any(isinstance(default, (list, dict, tuple)) for default in self._defaults.values())

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The bound arguments, defaults included."""
        names = self._names
        if self._simple and len(args) <= len(names):
            if not kwargs and len(args) >= self._required:
                bound = dict(zip(names, args))
                for name in names[len(args) :]:
                    bound[name] = self._defaults[name]
                return bound
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

    def with_defaults(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a call, with the defaults of missing ones."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:  # calling the function raises a clearer error
            return args, kwargs
        bound.apply_defaults()
        return bound.args, bound.kwargs

    def root_arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a play's entry: the given inputs, with the defaults that `inputs` declares."""
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
            bound = self.bind(args, kwargs)
            text = canonical(bound, "arguments")
        except NotJson as error:
            raise ArgumentNotJson(
                error.path,
                f"{error.problem} (in the call of {self.name!r}): pass data, and make clients and files inside the flow",
            ) from None
        refuse_secret(text, bound, "arguments", f"call flow.secret inside {self.name!r}, which its arguments identify")
        return text


def _fields(options: Mapping[str, Any], which: str) -> list[Field] | None:
    return None if options[which] is None else fields_of(options[which], which)
