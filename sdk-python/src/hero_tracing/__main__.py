"""`python -m hero_tracing FILE [--input name=value …] [--json] [--memory DIR]`: plays the entry flow of a file on the terminal.

A value is parsed as JSON, or else taken as text. Spans are printed as a tree, and pauses ask on the terminal. Without `--memory`
nothing is remembered between two runs.
"""

from __future__ import annotations

import sys

from . import _command
from ._flow import declaration_of
from ._inspect import inspect_source
from ._source import load_source


def main(arguments: list[str]) -> int:
    options = _command.parser("python -m hero_tracing", file=True).parse_intermixed_args(arguments)
    try:
        with open(options.file, encoding="utf-8") as source:
            text = source.read()
    except OSError as error:
        print(f"{options.file} cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    found = inspect_source(text)
    errors = [issue for issue in found["issues"] if issue["severity"] == "error" or not found["entry"]]
    for issue in errors:
        print(f"{options.file}:{issue['line']}:{issue['column']}: {issue['message']}", file=sys.stderr)
    if errors:
        return 2
    module, _ = load_source(text, options.file)  # it stays in sys.modules, where its classes are looked up by name
    entry = getattr(module, found["entry"])
    declaration = declaration_of(entry)
    assert declaration is not None
    return _command.run(entry, declaration, found["inputs"], options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
