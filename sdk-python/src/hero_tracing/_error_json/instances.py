"""Instances of error classes: reads what an instance holds, and makes one without its constructor.

Rules:
 1. A constructor is never called again: it may need other arguments than the kept ones, or have side effects.
 2. The arguments, the attributes, and the members of built-in classes and `__slots__` of an instance are kept.
 3. Nothing is set through the class: it may be frozen.
"""

from __future__ import annotations

from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

from .classes import GROUP
from .trail import attribute

_HEAP_TYPE = 1 << 9
_OF_PYTHON = frozenset({"args", "with_traceback", "add_note"})


def attributes_of(error: BaseException) -> dict[str, Any]:
    """The attributes and members that have a value."""
    kept: dict[str, Any] = {}
    for kind in reversed(type(error).__mro__):
        for name, descriptor in vars(kind).items():
            if _is_member(name, descriptor):
                try:
                    value = descriptor.__get__(error, type(error))
                except Exception:
                    continue  # it has no value
                if value is not None:
                    kept[name] = value
    for name, value in (attribute(error, "__dict__") or {}).items():
        if isinstance(name, str) and not name.startswith("__"):
            kept[name] = value
    return kept


def make(
    kind: type[BaseException], args: tuple[Any, ...], group: tuple[str, list[BaseException]] | None
) -> BaseException:
    """Raises TypeError if an instance cannot be made without its constructor."""
    if group is not None:
        if GROUP is None or not issubclass(kind, GROUP):
            raise TypeError(f"{kind.__name__} is not a group")
        members: Any = GROUP
        made: BaseException = members.__new__(kind, *group)
        return made
    built_in: Any = next(one for one in kind.__mro__ if not one.__flags__ & _HEAP_TYPE)
    try:
        made = built_in.__new__(kind, *args)
    except Exception:
        made = built_in.__new__(kind)
    return made


def set_args(error: BaseException, args: tuple[Any, ...]) -> None:
    BaseException.args.__set__(error, args)  # type: ignore[attr-defined]


def set_attribute(error: BaseException, name: str, value: Any) -> None:
    for kind in type(error).__mro__:
        descriptor = vars(kind).get(name)
        if descriptor is not None and _is_member(name, descriptor):
            try:
                descriptor.__set__(error, value)
            except Exception:
                pass  # a read-only attribute, which was set when the error was made
            return
    try:
        error.__dict__[name] = value
    except AttributeError:
        pass


def chain(error: BaseException, cause: BaseException | None, context: BaseException | None, suppress: bool) -> None:
    for name, value in (("__context__", context), ("__cause__", cause), ("__suppress_context__", suppress)):
        BaseException.__dict__[name].__set__(error, value)


def _is_member(name: str, descriptor: object) -> bool:
    return (
        isinstance(descriptor, (MemberDescriptorType, GetSetDescriptorType))
        and not name.startswith("__")
        and name not in _OF_PYTHON
    )
