"""No circle of imports in the package, what is imported for types only included."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "hero_tracing"


def imports_of(module: str, is_package: bool, source: str, modules: set[str]) -> set[str]:
    """The modules of the package that a source imports anywhere: at the top, in functions, for types only."""
    inside = module if is_package else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = inside.split(".")[: len(inside.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            submodules = {f"{base}.{alias.name}" for alias in node.names} & modules
            found |= submodules or {base}
    return (found & modules) - {module}


def circle_in(sources: dict[str, tuple[bool, str]]) -> list[str]:
    """The modules of one circle, the first one repeated at the end; nothing where there is none."""
    graph = {name: imports_of(name, package, text, set(sources)) for name, (package, text) in sources.items()}
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for target in sorted(graph[name]):
            if found := walk(target, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := walk(name, []))), [])


def test_the_package_has_no_circle_of_imports() -> None:
    sources = {}
    for path in PACKAGE.rglob("*.py"):
        parts = ["hero_tracing", *path.relative_to(PACKAGE).with_suffix("").parts]
        package = parts[-1] == "__init__"
        sources[".".join(parts[:-1] if package else parts)] = package, path.read_text("utf-8")
    assert len(sources) > 50
    assert circle_in(sources) == []


def test_a_circle_is_found_also_where_it_is_for_types_only_or_inside_of_a_function() -> None:
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .b import B\n"
    lazy = "def f():\n    from . import a\n"
    assert circle_in({"p": (True, ""), "p.a": (False, typed), "p.b": (False, lazy)}) == ["p.a", "p.b", "p.a"]
    assert circle_in({"p": (True, "from .a import A"), "p.a": (False, typed), "p.b": (False, "")}) == []
    assert circle_in({"p": (True, "from .a import A"), "p.a": (False, "import p")}) == ["p", "p.a", "p"]
    room = {
        "p": (True, ""),
        "p.r": (True, "from .x import X"),
        "p.r.x": (False, "from ..y import Y"),
        "p.y": (False, "from .r import X"),
    }
    assert circle_in(room) == ["p.r", "p.r.x", "p.y", "p.r"]
