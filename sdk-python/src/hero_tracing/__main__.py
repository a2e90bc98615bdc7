"""`python -m hero_tracing FILE [name=value …]`: plays the entry flow of a file on the terminal and prints its result.

A value is parsed as JSON, or else taken as text. Nothing is remembered between two runs. Spans are printed as a tree, and pauses ask on the terminal.
"""

from __future__ import annotations

import asyncio
import json
import runpy
import sys
from typing import Any

from ._flow import declaration_of
from ._inspect import inspect_source


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m hero_tracing FILE [name=value …]", file=sys.stderr)
        return 2
    file, *given = arguments
    with open(file, encoding="utf-8") as source:
        found = inspect_source(source.read())
    errors = [issue for issue in found["issues"] if issue["severity"] == "error" or not found["entry"]]
    for issue in errors:
        print(f"{file}:{issue['line']}:{issue['column']}: {issue['message']}", file=sys.stderr)
    if errors:
        return 2
    entry = runpy.run_path(file, run_name="__play__")[found["entry"]]
    declaration = declaration_of(entry)
    assert declaration is not None
    inputs = declaration.root_arguments(dict(_pair(text) for text in given))
    result = asyncio.run(_awaited(entry, inputs)) if declaration.is_async else entry(**inputs)
    print(json.dumps(result, ensure_ascii=False, indent=2))
    return 0


def _pair(text: str) -> tuple[str, Any]:
    """Reads `n=3` as a number and `name=Ada` as text.

    >>> _pair("n=3"), _pair("name=Ada")
    (('n', 3), ('name', 'Ada'))
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise SystemExit(f"{text!r} is not an input: write name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


async def _awaited(entry: Any, inputs: dict[str, Any]) -> Any:
    return await entry(**inputs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
