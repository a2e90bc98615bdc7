"""The arguments that a body gets: its own copy, as the caller gets a decoded result.

A replay cannot repeat the changes that a body makes in its arguments or in a mutable default, so no other code may see them.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from ._declare import Declaration
from ._stack import with_stack

_SCALARS = frozenset((str, int, float, bool, type(None)))


def own_copy(value: Any) -> Any:
    """A deep copy. Tuples stay tuples, and other containers keep their type.

    >>> given = {"a": [1, (2, [3])]}
    >>> copied = own_copy(given)
    >>> copied["a"][1][1].append(4)
    >>> given, copied
    ({'a': [1, (2, [3])]}, {'a': [1, (2, [3, 4])]})
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is list:
        return [own_copy(inner) for inner in value]
    if kind is dict:
        return {key: own_copy(inner) for key, inner in value.items()}
    if kind is tuple:
        return tuple([own_copy(inner) for inner in value])
    if isinstance(value, (list, dict, tuple)):
        try:
            return copy.deepcopy(value)
        except Exception:  # a container that holds more than JSON, and cannot be copied
            return value
    return value


def own_arguments(
    declaration: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of one execution of the body, with copies of mutable defaults."""
    if declaration.mutable_defaults:
        args, kwargs = declaration.with_defaults(args, kwargs)
    for value in args:
        if type(value) not in _SCALARS:
            args = with_stack(partial(own_copy, args))
            break
    for value in kwargs.values():
        if type(value) not in _SCALARS:
            kwargs = with_stack(partial(own_copy, kwargs))
            break
    return args, kwargs
