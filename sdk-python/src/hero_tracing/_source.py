"""Loads the source of a version as a module, so that tracebacks, `inspect` and source lines work without a file."""

from __future__ import annotations

import ast
import hashlib
import linecache
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

FILE = "flow.py"
MODULE = "__play__"  # not `__main__`: code under `if __name__ == "__main__"` is for `python flow.py`
Functions = dict[int, tuple[int, str]]


class Sources:
    """The sources that one play runs: its own, and those of the workflows that it invokes in its process."""

    def __init__(self, file: str | None = None, functions: Functions | None = None) -> None:
        self.file = file  # the play's own
        self.functions: dict[str, Functions] = {} if file is None else {file: functions or {}}
        self.modules: dict[str, types.ModuleType] = {}  # invoked ones, by version
        self.workflows: dict[tuple[str, str], object] = {}  # by name and version as given (`_workflow`)
        self.loading = threading.Lock()

    def function_of(self, fn: Callable[..., Any]) -> tuple[str | None, int | None, str]:
        """File, line and hash of a function's source text; no file if the function is not in the play's sources."""
        code = getattr(fn, "__code__", None)
        functions = self.functions.get(code.co_filename) if code is not None else None
        if code is None or functions is None:
            return None, None, ""
        line, sha256 = functions.get(code.co_firstlineno, (code.co_firstlineno, ""))
        # An invoked workflow keeps its version in a fork: its functions do not change with the play's source.
        return code.co_filename, line, sha256 if code.co_filename == self.file else ""

    def caller(self) -> tuple[str | None, int | None]:
        """File and line in the play's sources from which this call was made."""
        frame = sys._getframe(1)
        for _ in range(12):
            if frame.f_code.co_filename in self.functions:
                return frame.f_code.co_filename, frame.f_lineno
            if frame.f_back is None:
                break
            frame = frame.f_back
        return None, None


def load_source(source: str, file: str = FILE, name: str = MODULE) -> tuple[types.ModuleType, Functions]:
    """Runs the source as a fresh module. Its functions are identified by their first line (that of the first decorator).

    >>> module, functions = load_source("x = 1\\ndef f():\\n    return x\\n")
    >>> module.f(), functions[2][0], len(functions[2][1])
    (1, 2, 64)
    """
    lines = source.splitlines(keepends=True)
    linecache.cache[file] = (len(source), None, lines, file)
    tree = ast.parse(source, file)
    functions = functions_of(tree, source)
    code = compile(tree, file, "exec", dont_inherit=True)
    del tree
    module = types.ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    exec(code, module.__dict__)
    return module, functions


def functions_of(tree: ast.AST, source: str) -> Functions:
    """First line → (line of the `def`, hash of the function as written)."""
    lines = source.splitlines()
    found: Functions = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min((decorator.lineno for decorator in node.decorator_list), default=node.lineno)
            found[first] = (node.lineno, function_sha256(lines, first, node.end_lineno or node.lineno))
    return found


def function_sha256(lines: list[str], first: int, last: int) -> str:
    """The hash of a function's source text: its lines with decorators, without their common indentation."""
    written = lines[first - 1 : last]
    indent = min((len(line) - len(line.lstrip()) for line in written if line.strip()), default=0)
    text = "\n".join(line[indent:].rstrip() for line in written)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
