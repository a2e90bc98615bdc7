"""Names in a source that is only parsed: what `flow` is called in it, its constants, and its top level."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef
_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "dict": dict, "list": list}


class Unreadable(Exception):
    """A value that cannot be known without running the source."""


@dataclass
class Scope:
    """The names of the module."""

    flows: set[str] = field(default_factory=set)  # names of `flow` itself
    modules: set[str] = field(default_factory=set)  # names of the package
    constants: dict[str, ast.expr] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)


def scope_of(tree: ast.Module) -> Scope:
    scope = Scope()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "hero_tracing" and not node.level:
            for alias in node.names:
                if alias.name in ("flow", "*"):
                    scope.flows.add(alias.asname or "flow")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "hero_tracing":
                    scope.modules.add(alias.asname or "hero_tracing")
    for statement in statements(tree):
        if isinstance(statement, ast.ClassDef):
            scope.classes[statement.name] = statement
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            _assign(scope, statement.targets[0], statement.value)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            _assign(scope, statement.target, statement.value)
    return scope


def is_flow(decorator: ast.expr, scope: Scope) -> bool:
    """Whether this decorator is `@flow` or `@flow(…)`, under any name."""
    made = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(made, ast.Name):
        return made.id in scope.flows
    return (
        isinstance(made, ast.Attribute)
        and made.attr == "flow"
        and isinstance(made.value, ast.Name)
        and made.value.id in scope.modules
    )


def statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that run when the module is loaded, also those under `if`, `try` and `with`."""
    waiting: list[ast.stmt] = list(reversed(tree.body))
    while waiting:
        statement = waiting.pop()
        yield statement
        if isinstance(statement, ast.If) and is_main_guard(statement):
            waiting += reversed(statement.orelse)
            continue
        if isinstance(statement, (ast.If, ast.Try, ast.With)):
            inner = [*statement.body, *getattr(statement, "orelse", ()), *getattr(statement, "finalbody", ())]
            for handler in getattr(statement, "handlers", ()):
                inner += handler.body
            waiting += reversed(inner)


def top_level(tree: ast.Module) -> list[Function]:
    return [node for node in statements(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def is_main_guard(statement: ast.If) -> bool:
    """`if __name__ == "__main__":`"""
    test = statement.test
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = (test.left, test.comparators[0])
    named = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
    return named and any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)


def called_when_main(tree: ast.Module) -> Iterator[str]:
    """Names that are called, or given to another call such as `asyncio.run`, under the guard."""
    for statement in tree.body:
        if isinstance(statement, ast.If) and is_main_guard(statement):
            for inner in statement.body:
                for node in ast.walk(inner):
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                        yield node.func.id


def value_of(node: ast.expr, scope: Scope, depth: int = 0) -> Any:
    """The value of a literal, a constant of the module, `dict(…)`, or a type's name; else Unreadable."""
    if depth > 50:
        raise Unreadable
    if isinstance(node, ast.Constant):
        if isinstance(node.value, (str, int, float, bool, type(None))):
            if isinstance(node.value, float) and not math.isfinite(node.value):
                raise Unreadable
            return node.value
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return [value_of(item, scope, depth + 1) for item in node.elts]
    elif isinstance(node, ast.Dict):
        made: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values):
            if key is None:
                inner = value_of(value, scope, depth + 1)
                if not isinstance(inner, dict):
                    raise Unreadable
                made.update(inner)
                continue
            name = value_of(key, scope, depth + 1)
            if isinstance(name, (list, dict)):
                raise Unreadable
            made[name] = value_of(value, scope, depth + 1)
        return made
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = value_of(node.operand, scope, depth + 1)
        if isinstance(number, (int, float)):
            return -number
    elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mult, ast.BitOr)):
        return _both(node, scope, depth)
    elif isinstance(node, ast.Name):
        if node.id in scope.constants:
            return value_of(scope.constants[node.id], scope, depth + 1)
        if node.id in _TYPES:
            return _TYPES[node.id]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        return {item.arg: value_of(item.value, scope, depth + 1) for item in node.keywords if item.arg}
    raise Unreadable


def _both(node: ast.BinOp, scope: Scope, depth: int) -> Any:
    left, right = value_of(node.left, scope, depth + 1), value_of(node.right, scope, depth + 1)
    if isinstance(node.op, ast.Mult) and type(left) is type(right) is int and abs(left) < 2**53 > abs(right):
        return left * right
    if isinstance(node.op, ast.Add) and type(left) is type(right) and type(left) in (str, int, float, list):
        return left + right
    if isinstance(node.op, ast.BitOr) and isinstance(left, dict) and isinstance(right, dict):
        return {**left, **right}
    raise Unreadable


def _assign(scope: Scope, target: ast.expr, value: ast.expr) -> None:
    if not isinstance(target, ast.Name):
        return
    if (isinstance(value, ast.Name) and value.id in scope.flows) or (
        is_flow(value, scope) and not isinstance(value, ast.Call)
    ):
        scope.flows.add(target.id)
    elif target.id in scope.constants:
        scope.constants[target.id] = ast.Name(id="", ctx=ast.Load())  # assigned twice: its value is not known
    else:
        scope.constants[target.id] = value
