"""Loads the source of a version as a module, so that tracebacks, `inspect` and source lines work without a file."""

from __future__ import annotations

import ast
import hashlib
import linecache
import sys
import types

FILE = "flow.py"
MODULE = "__play__"  # not `__main__`: what stands under `if __name__ == "__main__"` is for `python flow.py`
Functions = dict[int, tuple[int, str]]


def load_source(source: str, file: str = FILE, name: str = MODULE) -> tuple[types.ModuleType, Functions]:
    """Runs the source as a fresh module. Its functions are told by their first line (the first decorator's).

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
    """The hash of a function as written: its lines, decorators included, without the indentation they share."""
    written = lines[first - 1 : last]
    indent = min((len(line) - len(line.lstrip()) for line in written if line.strip()), default=0)
    text = "\n".join(line[indent:].rstrip() for line in written)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
