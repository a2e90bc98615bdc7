"""The packages that a source requires: a PEP 723 block, or a comment `# requirements: a, b>=2`.

A requirement is the name of a package of the index, with extras, versions and a marker. URLs, paths and options of an installer are
refused: they would have an executor fetch or read something for whoever wrote the source.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from typing import Any

# Python 3.10 has none: of its blocks only the dependencies are read.
_tomllib: Any = importlib.import_module("tomllib") if sys.version_info >= (3, 11) else None

Problems = list[tuple[int, str]]

_OPENING = re.compile(r"^# /// script[ \t]*$")
_CLOSING = re.compile(r"^# ///[ \t]*$")
_CONTENT = re.compile(r"^#(| .*)$")
_DEPENDENCIES = re.compile(r"(?ms)^dependencies\s*=\s*(\[.*?\])\s*(?:#.*)?$")
_COMMENT = re.compile(r"^#[ \t]*requirements:[ \t]*(.*)$")
# Blanks stand only before what they lead to, so that a run of them is read once; no line break is one of them.
_VERSION = r"(===|==|~=|!=|<=|>=|<|>)[ \t]*[A-Za-z0-9.*+!_-]+"
_VERSIONS = rf"{_VERSION}([ \t]*,[ \t]*{_VERSION})*([ \t]*,)?"
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
    r"([ \t]*\[[A-Za-z0-9._, \t-]*\])?"
    rf"([ \t]*(\([ \t]*{_VERSIONS}[ \t]*\)|{_VERSIONS}))?"
    r"([ \t]*;(?!.*--)[A-Za-z0-9_.'\" ()<>=!~,+*-]+|[ \t]*)"
)


def requirements_of(source: str) -> tuple[list[str], Problems]:
    """The distinct requirements in order, and the faults with their lines.

    >>> requirements_of("# requirements: httpx>=0.27, rich\\n")
    (['httpx>=0.27', 'rich'], [])
    >>> requirements_of('# /// script\\n# dependencies = [\\n#   "httpx",\\n# ]\\n# ///\\n')
    (['httpx'], [])
    >>> requirements_of('# /// script\\n# dependencies = []\\n')
    ([], [(1, 'the script block has no end: write a line `# ///` after it')])
    """
    lines = source.splitlines()
    found: list[str] = []
    problems: Problems = []
    for number, line in enumerate(lines, 1):
        comment = _COMMENT.match(line)
        # a comma inside [extras] or of a version range, as in `a>=1,<2`, does not separate
        for name in (
            re.split(r",(?![^\[]*\])\s*(?=[A-Za-z0-9])|(?<!\s)\s+(?=[A-Za-z])", comment[1].strip()) if comment else ()
        ):
            _add(name.strip().strip(","), number, found, problems)
    blocks = list(_blocks(lines, problems))
    for first, _ in blocks[1:]:
        problems.append((first, "a second script block; a file has one"))
    for first, content in blocks[:1]:
        for name in _dependencies(first, content, problems):
            _add(name.strip(), _line_of(name, first, content), found, problems)
    return found, problems


def _blocks(lines: list[str], problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """The line of each opening, and the content without `# `."""
    number = 0
    while number < len(lines):
        number += 1
        if not _OPENING.match(lines[number - 1]):
            continue
        first, content = number, []
        while number < len(lines) and not _CLOSING.match(lines[number]) and _CONTENT.match(lines[number]):
            content.append(lines[number][2:])
            number += 1
        if number < len(lines) and _CLOSING.match(lines[number]):
            yield first, content
        elif number < len(lines) and lines[number].startswith("#"):
            problems.append((number + 1, "a line of the script block begins with `#` and a space"))
        else:
            problems.append((first, "the script block has no end: write a line `# ///` after it"))


def _dependencies(first: int, content: list[str], problems: Problems) -> list[str]:
    text = "\n".join(content)
    block = _read(text, first, problems)
    at = next((first + n for n, line in enumerate(content, 1) if line.startswith("dependencies")), first)
    names = block.get("dependencies", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        problems.append((at, "dependencies in the script block must be an array of strings"))
        return []
    _check_python(block.get("requires-python"), _line_of("requires-python", first, content), problems)
    uv = block.get("tool", {}).get("uv", {}) if isinstance(block.get("tool", {}), dict) else {}
    for key in ("sources", "index"):
        if isinstance(uv, dict) and key in uv:
            text = f"tool.uv.{key} has no effect here: the index of an executor is set in its environment"
            problems.append((_line_of(f"tool.uv.{key}", first, content), text))
    return names


def _read(text: str, first: int, problems: Problems) -> dict[str, Any]:
    if _tomllib is not None:
        try:
            block: dict[str, Any] = _tomllib.loads(text)
            return block
        except _tomllib.TOMLDecodeError as error:
            where = re.search(r" \(at line (\d+), column \d+\)$", str(error))
            line = first + (int(where[1]) if where else 0)
            message = str(error)[: where.start()] if where else str(error)
            problems.append((line, f"the script block is not TOML: {message[:1].lower()}{message[1:]}"))
            return {}
    listed = _DEPENDENCIES.search(text)
    if listed is None:
        return {}
    try:
        return {"dependencies": ast.literal_eval(listed[1])}  # an array of strings is the same in TOML and in Python
    except (SyntaxError, ValueError):
        return {"dependencies": None}


def _line_of(text: str, first: int, content: list[str]) -> int:
    return next((first + n for n, line in enumerate(content, 1) if text in line), first)


def _check_python(wanted: Any, line: int, problems: Problems) -> None:
    """`requires-python` is compared with the interpreter of plays, which is this one."""
    if wanted is None:
        return
    if not isinstance(wanted, str):
        problems.append((line, "requires-python in the script block must be a string, as in `>=3.11`"))
        return
    for part in filter(None, map(str.strip, wanted.split(","))):
        found = re.fullmatch(r"(~=|==|!=|<=|>=|<|>)\s*(\d+(?:\.\d+)*)(\.\*)?", part)
        if found is None:
            problems.append((line, f"requires-python: {part!r} is not a version, as in `>=3.11`"))
        elif not _fits(found[1], tuple(map(int, found[2].split("."))), found[3] is not None):
            here = ".".join(map(str, sys.version_info[:3]))
            problems.append((line, f"requires-python is {wanted!r}, and plays run with Python {here} (HERO_PYTHON)"))
            return


def _fits(operator: str, version: tuple[int, ...], prefix: bool) -> bool:
    here = sys.version_info[:3]
    padded = version + (0,) * (3 - len(version))
    equal = here[: len(version)] == version if prefix else here == padded
    if operator == "~=":
        return here >= padded and here[: len(version) - 1] == version[:-1]
    if operator in ("==", "!="):
        return equal == (operator == "==")
    return {"<": here < padded, "<=": here <= padded, ">": here > padded, ">=": here >= padded}[operator]


def _add(name: str, line: int, found: list[str], problems: Problems) -> None:
    if not name:
        return
    if "@" in name or "/" in name:
        text = f"{name!r} is not a package of the index; write its name, as in `httpx>=0.27`: URLs and paths are not possible"
        problems.append((line, text))
    elif not _REQUIREMENT.fullmatch(name):
        problems.append((line, f"{name!r} is not a requirement; write a package's name, as in `httpx>=0.27`"))
    elif name not in found:
        found.append(name)
