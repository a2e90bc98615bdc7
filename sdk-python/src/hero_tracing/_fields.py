"""Inputs and outputs as `@flow` declares them (libs/contracts/src/workflows.ts, FlowField), and the check of a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from ._errors import OptionError, OutputMismatch

FIELD_TYPES = ("string", "integer", "number", "boolean", "object", "array", "any")
FIELD_KEYS = ("type", "required", "default", "description", "enum", "schema")
_PYTHON_TYPES: dict[Any, str] = {
    str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array", tuple: "array",
    Any: "any",
}  # fmt: skip


class _FieldBase(TypedDict):
    name: str
    field_type: str
    required: bool


class Field(_FieldBase, total=False):
    default: Any
    description: str
    enum: list[Any]
    schema: dict[str, Any]


def fields_of(declared: Mapping[str, Any], where: str) -> list[Field]:
    """Reads `{"topic": {"type": "string", "required": True}}`; `{"topic": "string"}` and `{"topic": str}` are short forms.

    >>> fields_of({"n": {"type": "integer", "default": 3}}, "inputs")
    [{'name': 'n', 'field_type': 'integer', 'required': False, 'default': 3}]
    """
    if not isinstance(declared, Mapping):
        raise OptionError(f"@flow: {where} must be an object of fields, for example {{'topic': {{'type': 'string'}}}}")
    return [field_of(name, spec, f"{where}[{name!r}]", where == "outputs") for name, spec in declared.items()]


def field_of(name: Any, spec: Any, where: str, required: bool) -> Field:
    if not isinstance(name, str):
        raise OptionError(f"@flow: {where}: the names of fields must be strings: write {str(name)!r}")
    if isinstance(spec, Mapping):
        for key in spec:
            if key not in FIELD_KEYS:
                raise OptionError(f"@flow: {where} has no option {key!r}; a field has {', '.join(FIELD_KEYS)}")
        kind = _type_name(spec.get("type", "any"), where)
    else:
        kind, spec = _type_name(spec, where), {}
    field: Field = {
        "name": name,
        "field_type": kind,
        "required": bool(spec.get("required", required and "default" not in spec)),
    }
    if "default" in spec:
        field["default"] = spec["default"]
    if "description" in spec:
        field["description"] = str(spec["description"])
    if "enum" in spec:
        field["enum"] = list(spec["enum"])
    if "schema" in spec:
        field["schema"] = dict(spec["schema"])
    return field


def check_outputs(fields: list[Field], value: Any) -> None:
    """Raises OutputMismatch if a result does not fit the declared outputs.

    >>> check_outputs(fields_of({"answer": "string"}, "outputs"), {"answer": 3})
    Traceback (most recent call last):
    hero_tracing._errors.OutputMismatch: result.answer: declared as string, but it is an integer: return that, or declare what it is
    """
    if not isinstance(value, dict):
        raise OutputMismatch(
            "result",
            f"must be an object with {_names(fields)}, but it is {kind_of(value)}: return a dict with these keys",
        )
    for field in fields:
        name = field["name"]
        if name not in value:
            if field["required"]:
                raise OutputMismatch(
                    f"result.{name}",
                    "declared in outputs, but not returned: return it, or declare it with required=False",
                )
            continue
        found = value[name]
        if found is None and not field["required"]:
            continue
        if not fits(field["field_type"], found):
            raise OutputMismatch(
                f"result.{name}",
                f"declared as {field['field_type']}, but it is {kind_of(found)}: return that, or declare what it is",
            )
        if "enum" in field and found not in field["enum"]:
            raise OutputMismatch(
                f"result.{name}", f"must be one of {field['enum']}, not {found!r:.80}: return one, or add it to enum"
            )


class Issue(TypedDict):
    """One fault of the inputs, and the input that has it."""

    path: str
    message: str


def input_faults(fields: list[Field], given: dict[str, Any]) -> list[Issue]:
    """Every fault of the inputs that a workflow is given, as the registry finds them for a play.

    >>> fields = fields_of({"topic": {"type": "string", "required": True}, "n": "integer"}, "inputs")
    >>> [f"{fault['path']} {fault['message']}" for fault in input_faults(fields, {"n": "3", "m": 1})]
    ['topic is required: pass string', 'n must be integer, but it is a string', 'm is not an input of this workflow; it has topic, n']
    """
    faults: list[Issue] = []
    for field in fields:
        name, kind = field["name"], field["field_type"]
        if name not in given:
            if field["required"] and "default" not in field:
                faults.append({"path": name, "message": f"is required: pass {kind}"})
            continue
        value = given[name]
        if value is None and field.get("default", ...) is None:
            continue  # Python flows use None for "not given"
        if not fits(kind, value):
            hint = "; leave it out instead" if value is None and not field["required"] else ""
            faults.append({"path": name, "message": f"must be {kind}, but it is {kind_of(value)}{hint}"})
        elif "enum" in field and value not in field["enum"]:
            faults.append({"path": name, "message": f"must be one of {field['enum']}"})
    known = {field["name"] for field in fields}
    has = f"it has {_names(fields)}" if fields else "it has none"
    faults += [
        {"path": name, "message": f"is not an input of this workflow; {has}"} for name in given if name not in known
    ]
    return faults


def fits(kind: str, value: Any) -> bool:
    if kind == "any":
        return True
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "object":
        return isinstance(value, dict)
    if kind == "array":
        return isinstance(value, list)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return kind == "number" or isinstance(value, int) or value.is_integer()


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {str: "a string", int: "an integer", float: "a number", dict: "an object", list: "an array"}
    return next((word for kind, word in names.items() if isinstance(value, kind)), type(value).__name__)


def _type_name(kind: Any, where: str) -> str:
    if isinstance(kind, str) and kind in FIELD_TYPES:
        return kind
    try:
        return _PYTHON_TYPES[kind]
    except (KeyError, TypeError):
        raise OptionError(f"@flow: {where}: {kind!r} is not a type; the types are {', '.join(FIELD_TYPES)}") from None


def _names(fields: list[Field]) -> str:
    return ", ".join(field["name"] for field in fields)
