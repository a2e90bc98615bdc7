"""Type hints → fields, without evaluating them."""

from __future__ import annotations

import ast
from typing import Any

from .._canonical import dump
from .._errors import NotJson
from .._fields import Field
from .names import Function, Scope, Unreadable, value_of

_KINDS = {
    "str": "string", "int": "integer", "float": "number", "bool": "boolean", "None": "any", "Any": "any",
    "object": "any", "dict": "object", "Dict": "object", "Mapping": "object", "MutableMapping": "object",
    "TypedDict": "object", "list": "array", "List": "array", "tuple": "array", "Tuple": "array", "Sequence": "array",
    "Iterable": "array", "Collection": "array",
}  # fmt: skip
Problems = list[tuple[ast.expr, str]]


def fields_of_parameters(node: Function, scope: Scope) -> tuple[list[Field], Problems]:
    """A field for each parameter that can be given by name, and the defaults that are not JSON."""
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args]
    defaults: dict[str, ast.expr | None] = dict(
        zip((item.arg for item in reversed(named)), reversed(arguments.defaults))
    )
    defaults.update((item.arg, default) for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults))
    fields: list[Field] = []
    problems: Problems = []
    for parameter in (*named, *arguments.kwonlyargs):
        field = field_of_hint(parameter.arg, parameter.annotation, scope)
        default = defaults.get(parameter.arg)
        if default is not None:
            field["required"] = False
            try:
                value = value_of(default, scope)
                dump(value)
                if value is not None:
                    field["default"] = value
            except (Unreadable, NotJson):
                problems.append((default, f"the default of {parameter.arg!r} cannot be shown: it is no plain value"))
        if default is None or not _is_none(default):
            _nullable(field, parameter.annotation)
        fields.append(field)
    return fields, problems


def fields_of_result(node: Function, scope: Scope) -> list[Field]:
    """A field for each key of a TypedDict; one field `result` for another hint; none without a hint."""
    hint = _unquoted(node.returns)
    if hint is None or _is_none(hint):
        return []
    if isinstance(hint, ast.Name) and hint.id in scope.classes:
        body = scope.classes[hint.id].body
        found = [
            field_of_hint(item.target.id, item.annotation, scope)
            for item in body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        ]
        if found:
            return found
    return [field_of_hint("result", hint, scope)]


def field_of_hint(name: str, hint: ast.expr | None, scope: Scope) -> Field:
    field: Field = {"name": name, "field_type": "any", "required": True}
    hint = _unquoted(hint)
    if isinstance(hint, ast.Subscript) and _name(hint.value) == "Annotated" and isinstance(hint.slice, ast.Tuple):
        for note in hint.slice.elts[1:]:
            if isinstance(note, ast.Constant) and isinstance(note.value, str):
                field["description"] = note.value
        hint = hint.slice.elts[0]
    if isinstance(hint, ast.Subscript) and _name(hint.value) in ("Required", "NotRequired"):
        field["required"] = _name(hint.value) == "Required"
        hint = hint.slice
    parts = [part for part in _union(hint) if not _is_none(part)]
    if len(parts) == 1:
        _fill(field, parts[0], scope)
    return field


def _fill(field: Field, hint: ast.expr, scope: Scope) -> None:
    name = _name(hint.value) if isinstance(hint, ast.Subscript) else _name(hint)
    if isinstance(hint, ast.Subscript) and name == "Literal":
        try:
            values = value_of(hint.slice, scope)
        except Unreadable:
            return
        field["enum"] = values if isinstance(values, list) else [values]
        kinds = {_KINDS.get(type(value).__name__, "any") for value in field["enum"]}
        field["field_type"] = kinds.pop() if len(kinds) == 1 else "any"
    elif name in scope.classes:
        field["field_type"] = "object"
    else:
        field["field_type"] = _KINDS.get(name, "any")
    if isinstance(hint, ast.Subscript) and field["field_type"] == "array" and not isinstance(hint.slice, ast.Tuple):
        item = _KINDS.get(_name(hint.slice), "any")
        if item != "any":
            field["schema"] = {"type": "array", "items": {"type": item}}


def _nullable(field: Field, hint: ast.expr | None) -> None:
    """`str | None` without a default: the value must be given, and may be null."""
    if any(_is_none(part) for part in _union(_unquoted(hint))) and field["field_type"] != "any":
        schema: dict[str, Any] = {"type": [field["field_type"], "null"]}
        field["field_type"] = "any"
        field.pop("enum", None)
        field["schema"] = schema


def _union(hint: ast.expr | None) -> list[ast.expr]:
    hint = _unquoted(hint)
    if hint is None:
        return []
    if isinstance(hint, ast.BinOp) and isinstance(hint.op, ast.BitOr):
        return [*_union(hint.left), *_union(hint.right)]
    if isinstance(hint, ast.Subscript) and _name(hint.value) == "Optional":
        return [*_union(hint.slice), ast.Constant(value=None)]
    if isinstance(hint, ast.Subscript) and _name(hint.value) == "Union":
        parts = hint.slice.elts if isinstance(hint.slice, ast.Tuple) else [hint.slice]
        return [inner for part in parts for inner in _union(part)]
    return [hint]


def _unquoted(hint: ast.expr | None) -> ast.expr | None:
    """A hint that is written as a string, as `"str | None"`."""
    if isinstance(hint, ast.Constant) and isinstance(hint.value, str):
        try:
            return ast.parse(hint.value, mode="eval").body
        except (SyntaxError, ValueError):
            return None
    return hint


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
