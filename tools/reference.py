"""`python tools/reference.py` writes docs/reference.md from the docstrings of the SDK's public names; `--check` only compares.

The SDK must be importable (`npm run generate` puts it on the path). tests/test_reference.py runs the comparison, too.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hero_tracing
from hero_tracing import ask_user, flow, testing

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"
HEAD = """\
# Reference of `hero_tracing`

Generated from the docstrings by `npm run generate`; do not edit. Each example is run by the tests. How flows are written: [writing flows](authoring.md).
"""


def public() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """The sections of the page, each with its names and what they stand for."""
    yield (
        "Writing a flow",
        [
            ("@flow", type(flow).__call__),
            *((f"flow.{name}", value) for name, value in members(flow) if name != "Failed"),
            *((f"flow.current_span.{name}", value) for name, value in members(flow.current_span)),
            *((f"flow.current_step.{name}", value) for name, value in members(flow.current_step)),
        ],
    )
    yield "Asking people", [(f"ask_user.{name}", value) for name, value in members(ask_user)]
    yield "Clients", [("instrument", hero_tracing.instrument), ("ai", hero_tracing.ai)]
    yield (
        "Tests: `hero_tracing.testing`",
        [
            ("play", testing.play),
            ("Ran", testing.Ran),
            *((f"Ran.{name}", value) for name, value in members(testing.Ran)),
            ("ScriptedBroker", testing.ScriptedBroker),
        ],
    )
    errors = [name for name in hero_tracing.__all__ if isinstance(getattr(hero_tracing, name), type)]
    yield "Errors", [(name, getattr(hero_tracing, name)) for name in errors]


def members(of: Any) -> list[tuple[str, Any]]:
    """Public functions and properties of a class or an object's class, as they are written there."""
    own = of if isinstance(of, type) else type(of)
    found = [(name, value) for name, value in vars(own).items() if not name.startswith("_")]
    kept = [(name, value) for name, value in found if inspect.isfunction(value) or isinstance(value, (property, type))]
    return [(name, value.fget if isinstance(value, property) else value) for name, value in kept]


def signature(name: str, value: Any) -> str:
    if name == "@flow" or (isinstance(value, type) and issubclass(value, BaseException)):
        return name
    if name.startswith(("flow.current_step", "Ran.")) and list(inspect.signature(value).parameters) == ["self"]:
        return name if name != "Ran.again" else "Ran.again()"
    parameters = [p for p in inspect.signature(value).parameters.values() if p.name != "self"]
    shown = []
    for parameter in parameters:
        plain = parameter.default is parameter.empty or not repr(parameter.default).startswith("<")
        shown.append(parameter.replace(annotation=parameter.empty, **({} if plain else {"default": _Left()})))
    return f"{name}{inspect.Signature(shown)}"


class _Left:
    def __repr__(self) -> str:
        return "…"


def text_of(value: Any) -> str:
    """The docstring, with its examples as code."""
    lines: list[str] = []
    inside = False
    for line in (inspect.getdoc(value) or "").split("\n"):
        starts = line.startswith(">>>")
        if starts and not inside:
            lines.append("```python")
        if inside and not line.strip():
            lines.append("```")
        inside = (inside or starts) and bool(line.strip())
        lines.append(line)
    return "\n".join([*lines, "```"] if inside else lines)


def page() -> str:
    from hero_tracing._options import reference

    parts = [HEAD]
    for title, names in public():
        parts.append(f"## {title}\n")
        for name, value in names:
            parts.append(f"### `{signature(name, value)}`\n\n{text_of(value)}\n")
            if name == "@flow":
                parts.append(f"{reference()}\n")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts))


def main(arguments: list[str]) -> int:
    text = page()
    if PAGE.exists() and PAGE.read_text("utf-8") == text:
        return 0
    if "--check" in arguments:
        print("docs/reference.md is stale; run `npm run generate` and commit it.", file=sys.stderr)
        return 1
    PAGE.write_text(text, "utf-8")
    print("wrote docs/reference.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
