"""A flow as a command: `python file.py` with `flow.run(main)`, and `python -m hero_tracing file.py`.

Rules:
 1. stdout has the result and nothing else of ours; the tree, questions and messages go to stderr.
 2. With `--json` the result is one line, `{"status": …}` with `output`, `error` or `questions`; what the flow prints goes to stderr.
 3. With `--memory` a question that nobody answers ends the process with code 75, with nothing unwound; the next run asks it again.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from . import _local
from ._declare import Declaration
from ._error_json import describe
from ._errors import OptionError
from ._fields import Field
from ._inspect import inspect_source
from ._local_lane import LocalLane, Question
from ._local_memory import FileMemory, LocalMemory, MemoryUnusable
from ._terminal import answer_on_terminal, print_tree

if TYPE_CHECKING:
    import argparse

_HELP = {
    "input": "an input of the flow; may be given several times. The value is JSON, or else text",
    "json": "print the result as one line of JSON, and no tree",
    "memory": "remember outcomes and answers in this folder: a second run with the same inputs goes on where the first stopped",
}


def parser(prog: str, file: bool = False) -> argparse.ArgumentParser:
    import argparse  # only a command needs it: no play and no test loads it

    made = argparse.ArgumentParser(prog, description="Plays a flow on the terminal, without the runtime.")
    if file:
        made.add_argument("file", help="a Python file with @flow functions")
    made.add_argument("--input", metavar="NAME=VALUE", action="append", default=[], help=_HELP["input"])
    made.add_argument("--json", action="store_true", help=_HELP["json"])
    made.add_argument("--memory", metavar="DIR", help=_HELP["memory"])
    made.add_argument("pairs", metavar="NAME=VALUE", nargs="*", help="as --input NAME=VALUE")
    return made


def run(
    entry: Callable[..., Any], declaration: Declaration, fields: Sequence[Field], options: argparse.Namespace
) -> int:
    """Plays the entry flow as the options ask for, prints its result, and returns the exit code."""
    try:
        inputs = read_inputs([*options.input, *options.pairs], fields)
    except OptionError as error:
        print(error, file=sys.stderr)
        return 2
    before = _local.use(_Command(options.memory, options.json))
    stdout = sys.stdout
    if options.json:
        sys.stdout = sys.stderr  # what the flow prints
    try:
        arguments = declaration.root_arguments(inputs)
        output = asyncio.run(_awaited(entry, arguments)) if declaration.is_async else entry(**arguments)
    except MemoryUnusable as error:
        print(error, file=sys.stderr)
        return 2
    except SystemExit as leaving:
        if options.json:
            message = f"the flow called sys.exit({leaving.code!r})"
            _say(stdout, {"status": "failed", "error": {"type": "SystemExit", "message": message}})
        raise
    except Exception as error:
        if not options.json:
            raise
        described = describe(error)
        _say(stdout, {"status": "failed", "error": {"type": described["type"], "message": described["message"]}})
        return 1
    finally:
        sys.stdout = stdout
        _local.use(before)
    if options.json:
        _say(stdout, {"status": "success", "output": output})
    else:
        print(json.dumps(output, ensure_ascii=False, indent=2))
    return 0


class _Command(_local.Surroundings):
    """The terminal, with memory in a folder where one is named."""

    def __init__(self, folder: str | None, as_json: bool) -> None:
        super().__init__(folder, (lambda lines: None) if as_json else None)
        self._stdout = sys.stdout if as_json else None

    def lane(self, file: str | None, memory: LocalMemory, lines: list[str]) -> LocalLane:
        if isinstance(memory, FileMemory):
            return _Suspending(file, memory, lines, self._stdout)
        return super().lane(file, memory, lines)


class _Suspending(LocalLane):
    """Ends the process where nobody answers (rule 3)."""

    def __init__(self, file: str | None, memory: FileMemory, lines: list[str], stdout: TextIO | None) -> None:
        super().__init__(file, memory, answer_on_terminal)
        self._lines = lines
        self._path = memory.path
        self._stdout = stdout  # for JSON

    def unanswered(self, questions: list[Question]) -> dict[str, Any]:
        names = [question["name"] for question in questions]
        sys.stdout.flush()  # nothing is unwound, so that nobody else writes what the flow has printed
        if self._stdout is not None:
            _say(self._stdout, {"status": "awaiting_resume", "questions": names})
        else:
            print_tree(self._lines, sys.stderr)
        print(
            f"waits for {', '.join(names)}: run it again to answer; what is done is remembered in {self._path}",
            file=sys.stderr,
            flush=True,
        )
        return {"t": "suspended"}


def fields_of_entry(declaration: Declaration) -> Sequence[Field]:
    """What the flow takes: as its file declares it, where it is the file's entry."""
    code = getattr(declaration.fn, "__code__", None)
    file = Path(code.co_filename) if code is not None else None
    if file is not None and file.is_file():
        found = inspect_source(file.read_text("utf-8"))
        if found["entry"] == declaration.fn.__name__:
            fields: Sequence[Field] = found["inputs"]
            return fields
    names = signature(declaration.fn).parameters.values()
    return declaration.inputs or [
        {"name": one.name, "field_type": "any", "required": one.default is one.empty} for one in names
    ]


def read_inputs(pairs: Sequence[str], fields: Sequence[Field]) -> dict[str, Any]:
    """The inputs by name; all that is wrong with them is said at the same time.

    >>> read_inputs(["n=3", "name=3"], [{"name": "n", "field_type": "integer"}, {"name": "name", "field_type": "string"}])
    {'n': 3, 'name': '3'}
    """
    known = {field["name"]: field for field in fields}
    inputs: dict[str, Any] = {}
    wrong: list[str] = []
    for text in pairs:
        name, equals, value = text.partition("=")
        if not equals:
            wrong.append(f"{text!r} is not an input: write --input name=value")
        elif name not in known:
            wrong.append(f"there is no input {name!r}; there {_are(list(known))}")
        else:
            inputs[name] = _value(value, known[name])
    missing = [name for name, field in known.items() if field.get("required") and name not in inputs]
    wrong += [f"the input {name!r} is missing: --input {name}=…" for name in missing]
    if wrong:
        raise OptionError("\n".join(wrong))
    return inputs


def _are(names: list[str]) -> str:
    return "are none" if not names else f"{'is' if len(names) == 1 else 'are'} {', '.join(names)}"


def _value(text: str, field: Mapping[str, Any]) -> Any:
    if field.get("field_type") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _say(to: TextIO, document: dict[str, Any]) -> None:
    print(json.dumps(document, ensure_ascii=False), file=to, flush=True)


async def _awaited(entry: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    return await entry(**arguments)
