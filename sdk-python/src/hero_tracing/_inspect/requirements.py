"""The packages that a source requires: a PEP 723 block, or a comment `# requirements: a, b>=2`."""

from __future__ import annotations

import ast
import re

_BLOCK = re.compile(r"(?m)^# /// script$\s(?P<body>(^#(| .*)$\s)+)^# ///$")
_DEPENDENCIES = re.compile(r"(?ms)^dependencies\s*=\s*(\[.*?\])\s*(?:#.*)?$")
_COMMENT = re.compile(r"(?m)^#[ \t]*requirements:[ \t]*(.*)$")
_REQUIREMENT = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\s*(\[[^\]]*\])?\s*([<>=!~@(;].*)?$")


def requirements_of(source: str) -> tuple[list[str], list[tuple[int, str]]]:
    """The distinct requirements in order, and the faults with their lines.

    >>> requirements_of("# requirements: httpx>=0.27, rich\\n")
    (['httpx>=0.27', 'rich'], [])
    >>> requirements_of('# /// script\\n# dependencies = [\\n#   "httpx",\\n# ]\\n# ///\\n')
    (['httpx'], [])
    """
    found: list[str] = []
    problems: list[tuple[int, str]] = []
    for comment in _COMMENT.finditer(source):
        line = source.count("\n", 0, comment.start()) + 1
        # a comma inside [extras] or of a version range, as in `a>=1,<2`, does not separate
        for name in re.split(r",(?![^\[]*\])\s*(?=[A-Za-z0-9])|\s{1,}(?=[A-Za-z])", comment[1].strip()):
            _add(name.strip().strip(","), line, found, problems)
    block = _BLOCK.search(source)
    if block is not None:
        line = source.count("\n", 0, block.start()) + 1
        body = "".join(text[2:] if text.startswith("# ") else text[1:] for text in block["body"].splitlines(True))
        listed = _DEPENDENCIES.search(body)
        if listed is not None:
            try:
                names = ast.literal_eval(listed[1])  # an array of strings has the same syntax in TOML and in Python
            except (SyntaxError, ValueError):
                names = None
            if isinstance(names, list) and all(isinstance(name, str) for name in names):
                for name in names:
                    _add(name.strip(), line, found, problems)
            else:
                problems.append((line, "dependencies in the script block must be an array of strings"))
    return found, problems


def _add(name: str, line: int, found: list[str], problems: list[tuple[int, str]]) -> None:
    if not name:
        return
    if not _REQUIREMENT.match(name):
        problems.append((line, f"{name!r} is not a requirement; write a package's name, as in `httpx>=0.27`"))
    elif name not in found:
        found.append(name)
