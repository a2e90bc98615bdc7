"""The class of a remembered error, found by its module and its qualified name.

In this order:
 1. The class that the module has under that name.
 2. A live class of that name, for example one that a function defined when it ran in this attempt.
 3. A class that the source of the module still defines inside a function: only its definition is run.
 4. The nearest base that can be found, under the old name: an `except` of the base catches it.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import importlib
import linecache
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_LOCAL = "<locals>"
_STAND_IN = "__hero_stand_in__"
BASE, TEXT = "for a class that cannot be found", "to say the kept text"
_made: dict[tuple[str, str], type[BaseException]] = {}
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def class_of(module: str, name: str, bases: Iterable[Any], nth: int = 0) -> type[BaseException]:
    """The class, or a substitute for it. `nth`: the number of the class among live ones of the same name.

    >>> class_of("builtins", "KeyError", [])
    <class 'KeyError'>
    >>> gone = class_of("nowhere", "Gone", [["nowhere", "Base"], ["builtins", "OSError"]])
    >>> gone.__name__, issubclass(gone, OSError)
    ('Gone', True)
    """
    found = _importable(module, name)
    if found is not None:
        return found
    base = next((found for pair in bases if (found := _importable(*pair)) is not None), Exception)
    alive = alive_classes(base, module, name)
    if alive:
        return alive[nth] if 0 <= nth < len(alive) else alive[-1]
    known = _made.get((module, name))
    if known is None:
        known = _defined(module, name) or stand_in(base, module, name)
        _made[module, name] = known
    return known


def alive_classes(base: type[BaseException], module: str, name: str) -> list[type[BaseException]]:
    """The classes of this name below the base, in the order of their definition, without the substitutes that were made here."""
    found = [one for one in _below(base) if one.__module__ == module and one.__qualname__ == name]
    return [one for one in found if _STAND_IN not in vars(one) and one is not _made.get((module, name))]


def number_of(kind: type[BaseException]) -> int:
    """The number of the class among the live ones of its name (see `class_of`)."""
    if _importable(kind.__module__, kind.__qualname__) is kind:
        return 0
    base = next((one for one in kind.__mro__[1:] if _importable(one.__module__, one.__qualname__) is one), Exception)
    alive = alive_classes(base, kind.__module__, kind.__qualname__)
    return alive.index(kind) if kind in alive else 0


def stand_in(base: type[BaseException], module: str, name: str, why: str = BASE, **more: Any) -> type[BaseException]:
    """A subclass of the base under another name."""
    body = {"__module__": module, "__qualname__": name, _STAND_IN: why, **more}
    try:
        made: type[BaseException] = types.new_class(
            name.rpartition(".")[2], (base,), {}, lambda names: names.update(body)
        )
        return made
    except TypeError:  # a class that cannot be derived from
        return stand_in(base.__mro__[1], module, name, why, **more)


def real_class(kind: type[BaseException]) -> type[BaseException]:
    """The original class, if `kind` is a subclass that was made to keep a text."""
    return kind.__mro__[1] if vars(kind).get(_STAND_IN) == TEXT else kind


def _below(base: type[BaseException]) -> Iterator[type[BaseException]]:
    for one in type.__subclasses__(base):
        yield one
        yield from _below(one)


def load_modules_by(load: Callable[[str], None] | None) -> None:
    """Sets the function that loads modules which Python cannot import."""
    global _load
    _load = load


_load: Callable[[str], None] | None = None


def _importable(module: str, name: str) -> type[BaseException] | None:
    try:
        if _load is not None and module not in sys.modules:
            _load(module)
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception:
        return None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


# --- what a source defines ------------------------------------------------------------------------------------------------


def _defined(module: str, name: str) -> type[BaseException] | None:
    """The class that the module's source defines inside a function, if the definition can be run outside that function."""
    loaded = sys.modules.get(module)
    if loaded is None or _LOCAL not in name:
        return None
    try:
        source = "".join(linecache.getlines(loaded.__file__ or ""))
        return _define(ast.parse(source), loaded, name, 0)
    except Exception:  # for example because it needs a variable of its function
        return None


def _define(tree: ast.Module, module: types.ModuleType, name: str, depth: int) -> type[BaseException] | None:
    node = _definition(tree, name)
    if not isinstance(node, ast.ClassDef) or depth > 10:
        return None
    futures = [one for one in tree.body if isinstance(one, ast.ImportFrom) and one.module == "__future__"]
    flags = 0
    for feature in (alias.name for future in futures for alias in future.names):
        flags |= getattr(__future__, feature).compiler_flag
    code = compile(ast.Module([node], []), module.__file__ or "?", "exec", flags, dont_inherit=True)
    around: dict[str, Any] = {}
    for _ in range(10):
        try:
            exec(code, module.__dict__, around)
            break
        except NameError as missing:  # a base that is defined in the same or an enclosing function
            wanted = getattr(missing, "name", None) or ""
            near = _near(tree, module, name, wanted, depth)
            if near is None:
                return None
            around[wanted] = near
    made = around.get(node.name)
    if not isinstance(made, type) or not issubclass(made, BaseException):
        return None
    made.__qualname__ = name
    return made


def _near(tree: ast.Module, module: types.ModuleType, name: str, wanted: str, depth: int) -> type[BaseException] | None:
    scope = name
    while wanted and _LOCAL in scope:
        scope = scope.rpartition(f".{_LOCAL}.")[0]
        found = _define(tree, module, f"{scope}.{_LOCAL}.{wanted}", depth + 1)
        if found is not None:
            return found
    return None


def _definition(tree: ast.Module, name: str) -> Definition | None:
    here: Definition | None = None
    body: list[ast.stmt] = tree.body
    for part in name.split("."):
        if part == _LOCAL:
            continue
        here = next((one for one in reversed(list(_definitions(body))) if one.name == part), None)
        if here is None:
            return None
        body = here.body
    return here


def _definitions(body: list[ast.stmt]) -> Iterator[Definition]:
    """The functions and classes of one scope, also below `if`, `try`, `with` and loops."""
    for statement in body:
        if isinstance(statement, Definition):
            yield statement
            continue
        for inner in ast.iter_child_nodes(statement):
            if isinstance(inner, ast.stmt):
                yield from _definitions([inner])
            elif isinstance(inner, (ast.ExceptHandler, ast.match_case)):
                yield from _definitions(inner.body)


GROUP: type[BaseException] | None = getattr(builtins, "BaseExceptionGroup", None)
