"""Objects in disguise: they stand for one of the client's, with its class, its repr and the special methods that it has.

Rules:
 1. `isinstance(disguise, TheirClass)` holds, attributes are read from and written to the real object.
 2. A copy is a disguise of a copy of the real object. A disguise cannot be pickled: its state belongs to this process.
 3. A special method is there exactly where the real object's class has it: `callable`, `iter`, `len`, `with` answer as before.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

_REAL, _STATE = "_hero_real", "_hero_state"
D = TypeVar("D", bound="Disguise")


class Disguise:
    """The base of what stands for an object; `_hero_methods` are the special methods that a kind of disguise takes over."""

    __slots__ = (_REAL, _STATE, "__weakref__")
    _hero_methods: ClassVar[dict[str, Callable[..., Any]]] = {}

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(object.__getattribute__(self, _REAL))

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, _REAL), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, _REAL), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(object.__getattribute__(self, _REAL), name)

    def __dir__(self) -> list[str]:
        return dir(object.__getattribute__(self, _REAL))

    def __repr__(self) -> str:
        return f"<instrumented {object.__getattribute__(self, _REAL)!r}>"

    def __str__(self) -> str:
        return str(object.__getattribute__(self, _REAL))

    def __eq__(self, other: object) -> Any:
        mine = object.__getattribute__(self, _REAL)
        return mine == (real_of(other) if is_disguise(other) else other)

    def __hash__(self) -> int:
        return hash(object.__getattribute__(self, _REAL))

    def __copy__(self) -> Any:
        return self._hero_like(copy.copy(object.__getattribute__(self, _REAL)))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._hero_like(copy.deepcopy(object.__getattribute__(self, _REAL), memo))

    def __reduce_ex__(self, protocol: Any) -> Any:
        name = type(object.__getattribute__(self, _REAL)).__name__
        raise TypeError(
            f"an instrumented {name} cannot be pickled: pickle the {name} itself, and instrument what is loaded"
        )

    def _hero_like(self, real: Any) -> Any:
        return disguised(type(self).__bases__[0], real, object.__getattribute__(self, _STATE))


def _passed_on(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args: call(object.__getattribute__(self, _REAL), *args)


_PASSED_ON: dict[str, Callable[..., Any]] = {
    "__len__": _passed_on(len),
    "__bool__": _passed_on(bool),
    "__contains__": _passed_on(operator.contains),
    "__getitem__": _passed_on(operator.getitem),
    "__setitem__": _passed_on(operator.setitem),
    "__delitem__": _passed_on(operator.delitem),
    "__iter__": _passed_on(iter),
    "__next__": _passed_on(next),
}


def _has(kind: type, name: str) -> bool:
    """Whether instances have it; a class itself can always be called."""
    return any(name in vars(one) for one in kind.__mro__)


@lru_cache(maxsize=1024)
def _class_for(kind: type[Disguise], names: tuple[str, ...]) -> type[Disguise]:
    methods = {**_PASSED_ON, **kind._hero_methods}
    return type(kind.__name__, (kind,), {"__slots__": (), **{name: methods[name] for name in names}})


def disguised(kind: type[D], real: Any, state: Any) -> D:
    """A disguise of this kind for the object (rule 3)."""
    names = tuple(name for name in {**_PASSED_ON, **kind._hero_methods} if _has(type(real), name))
    made = object.__new__(_class_for(kind, names))  # type: ignore[arg-type]
    object.__setattr__(made, _REAL, real)
    object.__setattr__(made, _STATE, state)
    return made  # type: ignore[return-value]


def is_disguise(value: Any) -> bool:
    return issubclass(type(value), Disguise)


def real_of(value: Any) -> Any:
    """The object that a disguise stands for."""
    return object.__getattribute__(value, _REAL)
