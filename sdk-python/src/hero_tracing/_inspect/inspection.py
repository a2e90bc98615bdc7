"""Reads the declarations of a source by parsing it; the source is never run (libs/contracts/src/workflows.ts, Inspection).

The entry is, of the flows at the top level of the module:
 1. the one in a function named `main`; else
 2. the only one; else
 3. the one that is called under `if __name__ == "__main__"`; else
 4. the last one.
"""

from __future__ import annotations

import ast
import inspect
import warnings
from typing import Any

from .._errors import OptionError
from .._fields import Field, fields_of
from .._options import OF_PLAYS, OPTIONS, RUNTIME, check_option, check_together
from .._source import FILE, function_sha256
from . import names
from .requirements import requirements_of
from .types import fields_of_parameters, fields_of_result

LARGEST_SOURCE = 4 * 1024 * 1024
LONGEST_DOCSTRING = 2_000  # characters that the library keeps for its search
Function = ast.FunctionDef | ast.AsyncFunctionDef
_FIELDS = ("inputs", "outputs")
_CHANGING = {
    "now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter", "uuid1", "uuid4", "random", "randint",
    "randrange", "choice", "token_hex", "token_urlsafe", "urandom",
}  # fmt: skip


def inspect_source(source: str, entry: str | None = None) -> dict[str, Any]:
    """Reads the declarations and the faults of a source. `entry`: the name of the entry flow if it is already known.

    >>> found = inspect_source('''
    ... from hero_tracing import flow
    ... @flow(description="Adds.")
    ... def main(a: int, b: int = 2) -> int:
    ...     return a + b
    ... ''')
    >>> found["entry"], [(field["name"], field["required"]) for field in found["inputs"]], found["issues"]
    ('main', [('a', True), ('b', False)], [])
    >>> inspect_source("def f(:")["issues"]
    [{'line': 1, 'column': 7, 'message': 'invalid syntax', 'severity': 'error'}]
    """
    reading = _Reading(source, entry)
    try:
        reading.read()
    except (RecursionError, MemoryError):
        reading.issue(1, 1, "the source is nested too deeply to be read")
    return reading.result()


class _Reading:
    def __init__(self, source: str, entry: str | None) -> None:
        self.source = source
        self.wanted = entry
        self.flow_names: set[str] = set()
        self.lines = source.splitlines()
        self.issues: list[dict[str, Any]] = []
        self.flows: list[dict[str, Any]] = []
        self.requirements: list[str] = []
        self.entry: Function | None = None
        self.options: dict[str, Any] = {}
        self.broken: set[str] = set()  # invalid declarations of inputs or outputs
        self.description = ""
        self.inputs: list[Field] = []
        self.outputs: list[Field] = []

    def issue(self, line: int | None, column: int | None, message: str, severity: str = "error") -> None:
        self.issues.append(
            {"line": max(line or 1, 1), "column": max(column or 1, 1), "message": message, "severity": severity}
        )

    def result(self) -> dict[str, Any]:
        tags = self.options.get("tags")
        return {
            "entry": self.entry.name if self.entry else None,
            "name": self.options.get("name") or (self.entry.name if self.entry else ""),
            "description": self.description,
            "tags": [str(tag) for tag in tags] if isinstance(tags, (list, tuple)) else [],
            "inputs": self.inputs,
            "outputs": self.outputs,
            "flows": self.flows,
            "requirements": self.requirements,
            "options": self._runtime_options(),
            "issues": sorted(self.issues, key=lambda issue: (issue["line"], issue["column"])),
        }

    def _runtime_options(self) -> dict[str, Any]:
        """What the entry flow declares for its plays; its timeout is the play's own limit."""
        found = {option: self.options[option] for option in RUNTIME if option in self.options}
        timeout = self.options.get("timeout")
        if timeout is not None:
            found["timeout_ms"] = round(timeout * 1000)
        return found

    def read(self) -> None:
        if len(self.source) > LARGEST_SOURCE:
            self.issue(1, 1, f"the source is larger than {LARGEST_SOURCE} characters")
            return
        tree = self._parse()
        if tree is None:
            return
        self.requirements, problems = requirements_of(self.source)
        for line, message in problems:
            self.issue(line, 1, message)
        scope = names.scope_of(tree)
        self.flow_names = scope.flows
        declared: dict[Function, ast.expr] = {}
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for decorator in node.decorator_list:
                    if names.is_flow(decorator, scope):
                        declared[node] = decorator
        options = {node: self._options(node, decorator, scope) for node, decorator in declared.items()}
        for node in sorted(declared, key=lambda node: node.lineno):
            self.flows.append(self._flow(node, options[node]))
        self.entry = self._entry(tree, [node for node in names.top_level(tree) if node in declared])
        if self.entry is None:
            self.issue(1, 1, "there is no flow at the top level: decorate a function with @flow", "warning")
            return
        self.options = options[self.entry]
        self._describe(self.entry, scope)
        self._warn_of_options_of_plays(declared)
        self._warn_of_undeclared_secrets(tree)
        self._warn_of_changing_arguments(tree, {node.name for node in declared})

    def _parse(self) -> ast.Module | None:
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                tree = ast.parse(self.source, FILE)
                compile(tree, FILE, "exec", dont_inherit=True)
        except SyntaxError as error:
            self.issue(error.lineno, error.offset, error.msg or "invalid syntax")
            return None
        except UnicodeError:
            self.issue(1, 1, "the source has a lone surrogate, which is not Unicode text")
            return None
        except ValueError as error:  # for example a NUL character
            self.issue(1, 1, str(error))
            return None
        for warning in told:
            if issubclass(warning.category, SyntaxWarning):
                self.issue(warning.lineno, 1, str(warning.message), "warning")
        return tree

    def _at(self, node: ast.expr | ast.stmt | ast.keyword, message: str, severity: str = "error") -> None:
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        column = len(line.encode("utf-8", "replace")[: node.col_offset].decode("utf-8", "replace"))
        self.issue(node.lineno, column + 1, message, severity)

    def _options(self, node: Function, decorator: ast.expr, scope: names.Scope) -> dict[str, Any]:
        """The decorator's options, as far as they can be read."""
        found: dict[str, Any] = {}
        if not isinstance(decorator, ast.Call):
            return found
        for argument in decorator.args:
            self._at(argument, "@flow takes its options by name, for example @flow(name='pick')")
        for keyword in decorator.keywords:
            if keyword.arg is None:
                self._at(keyword.value, "options given by ** cannot be read without running the source", "warning")
                continue
            try:
                check_option(keyword.arg)
                value = names.value_of(keyword.value, scope)
                if keyword.arg not in _FIELDS:  # those are read below
                    OPTIONS[keyword.arg].check(keyword.arg, value)
            except OptionError as error:
                self._at(keyword, str(error))
                continue
            except names.Unreadable:
                text = f"@flow: {keyword.arg} cannot be read without running the source; write it as a plain value"
                self._at(keyword.value, text, "warning")
                continue
            found[keyword.arg] = value
            if keyword.arg in _FIELDS and value is not None:
                try:
                    found[keyword.arg] = fields_of(value, keyword.arg)
                except OptionError as error:
                    self._at(keyword.value, str(error))
                    del found[keyword.arg]
                    self.broken.add(keyword.arg)
        try:
            check_together(found)
        except OptionError as error:
            self._at(decorator, str(error))
        return found

    def _warn_of_options_of_plays(self, declared: dict[Function, ast.expr]) -> None:
        """Warns of durability, grants, secrets and egress on other flows than the entry, where they have no effect."""
        for node, decorator in declared.items():
            for keyword in decorator.keywords if isinstance(decorator, ast.Call) and node is not self.entry else ():
                if keyword.arg in OF_PLAYS:
                    self._at(keyword, f"@flow: {keyword.arg} has an effect only on the entry flow", "warning")

    def _flow(self, node: Function, options: dict[str, Any]) -> dict[str, Any]:
        first = min(decorator.lineno for decorator in node.decorator_list)
        docstring = inspect.cleandoc(ast.get_docstring(node) or "")[:LONGEST_DOCSTRING]
        return {
            "name": options.get("name") or node.name,
            "function": node.name,
            "line": node.lineno,
            "is_async": isinstance(node, ast.AsyncFunctionDef),
            "source_sha256": function_sha256(self.lines, first, node.end_lineno or node.lineno),
            **({"docstring": docstring} if docstring else {}),
        }

    def _entry(self, tree: ast.Module, candidates: list[Function]) -> Function | None:
        by_name = {node.name: node for node in candidates}  # the last definition of a name counts
        if self.wanted is not None and self.wanted in by_name:
            return by_name[self.wanted]
        if "main" in by_name:
            return by_name["main"]
        called = next((name for name in names.called_when_main(tree) if name in by_name), None)
        if called is not None:
            return by_name[called]
        return candidates[-1] if candidates else None

    def _describe(self, node: Function, scope: names.Scope) -> None:
        options = self.options
        text = options.get("description")
        self.description = text if isinstance(text, str) else inspect.cleandoc(ast.get_docstring(node) or "")
        parameters, problems = fields_of_parameters(node, scope)
        for where, message in problems:
            self._at(where, message, "warning")
        given = options.get("inputs")
        self.inputs = given if given is not None else parameters
        if given is not None and "inputs" not in self.broken:
            self._compare(node, given, parameters)
        declared = options.get("outputs")
        self.outputs = declared if declared is not None else fields_of_result(node, scope)

    def _compare(self, node: Function, given: list[Field], parameters: list[Field]) -> None:
        known = {field["name"] for field in parameters}
        for field in given:
            if field["name"] not in known and node.args.kwarg is None:
                self._at(node, f"inputs declares {field['name']!r}, but {node.name}() has no such parameter")
        inputs = {field["name"] for field in given}
        for field in parameters:
            if field["required"] and field["name"] not in inputs:
                text = f"{node.name}() needs {field['name']!r}, but inputs does not declare it: no play can pass it"
                self._at(node, text)

    def _warn_of_undeclared_secrets(self, tree: ast.Module) -> None:
        """Warns of `flow.secret("NAME")` with a name that the entry flow does not declare."""
        declared = self.options.get("secrets", ())
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or len(call.args) != 1:
                continue
            name, of = call.args[0], getattr(call.func.value, "id", "")
            if call.func.attr != "secret" or of not in self.flow_names or not isinstance(name, ast.Constant):
                continue
            asked = name.value
            if isinstance(asked, str) and asked not in declared:
                names = ", ".join(f'"{one}"' for one in (*declared, asked))
                text = f"{asked} is not declared, so a play cannot have it: write @flow(secrets=[{names}]) on the entry flow"
                self._at(call, text, "warning")

    def _warn_of_changing_arguments(self, tree: ast.Module, functions: set[str]) -> None:
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in functions:
                continue
            for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
                if isinstance(argument, ast.Call):
                    made = argument.func
                    name = made.attr if isinstance(made, ast.Attribute) else getattr(made, "id", "")
                    of_flow = isinstance(made, ast.Attribute) and getattr(made.value, "id", "") in self.flow_names
                    if name in _CHANGING and not of_flow:
                        text = (
                            f"{name}() returns another value in every attempt, so this call of {call.func.id} would never "
                            f"be remembered: compute the value inside a flow, or use {_instead(name)}"
                        )
                        self._at(argument, text, "warning")


def _instead(name: str) -> str:
    """The remembered value to use instead of a changing one."""
    if name.startswith(("uuid", "token")):
        return "flow.uuid()"
    return "flow.random()" if name.startswith(("rand", "choice", "urandom")) else "flow.now()"
