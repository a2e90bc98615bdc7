"""What `inspect_source` reads, without running anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hero_tracing._inspect import inspect_source
from hero_tracing._source import load_source


def issues(source: str, severity: str = "error") -> list[tuple[int, int, str]]:
    found = inspect_source(source)["issues"]
    return [(issue["line"], issue["column"], issue["message"]) for issue in found if issue["severity"] == severity]


def test_a_declaration_is_read_with_its_fields() -> None:
    found = inspect_source('''
# requirements: httpx>=0.27,<1, rich[a,b]
from hero_tracing import flow as f
TYPES = {"type": "string", "required": True}

@f(name="pick", inputs={"topic": TYPES, "n": {"type": "integer", "default": 3}}, outputs={"answer": str}, tags=["a"])
def main(topic, n=3):
    """Picks one.

    Carefully.
    """
''')
    assert found["entry"] == "main" and found["name"] == "pick" and found["tags"] == ["a"]
    assert found["description"] == "Picks one.\n\nCarefully."
    assert found["inputs"] == [
        {"name": "topic", "field_type": "string", "required": True},
        {"name": "n", "field_type": "integer", "required": False, "default": 3},
    ]
    assert found["outputs"] == [{"name": "answer", "field_type": "string", "required": True}]
    assert found["requirements"] == ["httpx>=0.27,<1", "rich[a,b]"]
    assert found["issues"] == []


def test_type_hints_become_fields() -> None:
    found = inspect_source("""
from typing import Annotated, Any, Literal, Optional, TypedDict
import hero_tracing as ht

class Out(TypedDict):
    best: str
    scores: list[float]

@ht.flow
async def main(a: str, b: int = 2, *, c: "float | None" = None, d: Literal["x", "y"] = "x",
               e: Annotated[list[str], "names"], g: Optional[int], h=None, i: dict[str, Any] = {}) -> Out: ...
""")
    assert found["issues"] == []
    assert found["inputs"] == [
        {"name": "a", "field_type": "string", "required": True},
        {"name": "b", "field_type": "integer", "required": False, "default": 2},
        {"name": "c", "field_type": "number", "required": False},
        {"name": "d", "field_type": "string", "required": False, "enum": ["x", "y"], "default": "x"},
        {
            "name": "e",
            "field_type": "array",
            "required": True,
            "description": "names",
            "schema": {"type": "array", "items": {"type": "string"}},
        },
        {"name": "g", "field_type": "any", "required": True, "schema": {"type": ["integer", "null"]}},
        {"name": "h", "field_type": "any", "required": False},
        {"name": "i", "field_type": "object", "required": False, "default": {}},
    ]
    assert [(field["name"], field["field_type"]) for field in found["outputs"]] == [
        ("best", "string"),
        ("scores", "array"),
    ]
    assert found["flows"][0]["is_async"] is True


@pytest.mark.parametrize(
    ("source", "entry"),
    [
        ("@flow\ndef a(): ...\n@flow\ndef main(): ...\n@flow\ndef b(): ...", "main"),
        ("@flow\ndef a(): ...\ndef main(): ...", "a"),
        ("@flow\ndef a(): ...\n@flow\ndef b(): ...\nif __name__ == '__main__':\n    print(a())", "a"),
        ("@flow\nasync def a(): ...\n@flow\ndef b(): ...\nif __name__ == '__main__':\n    asyncio.run(a())", "a"),
        ("@flow\ndef a(): ...\n@flow\ndef b(): ...", "b"),
        ("def a():\n    @flow\n    def inner(): ...", None),
        ("if True:\n    @flow\n    def inside(): ...", "inside"),
        ("step = flow\n@step\ndef a(): ...", "a"),
    ],
)
def test_the_entry_is_found(source: str, entry: str | None) -> None:
    assert inspect_source("from hero_tracing import flow\n" + source)["entry"] == entry


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\ndef f(:\n", (2, 7)),
        ("x = (1,\n", (1, 5)),
        ("return 3", (1, 1)),
        ("ü = 'ü' +", (1, 10)),
    ],
)
def test_a_syntax_error_has_its_line_and_column(source: str, expected: tuple[int, int]) -> None:
    (issue,) = issues(source)
    assert issue[:2] == expected


@pytest.mark.parametrize(
    "source",
    [
        "(" * 100_000,
        "x = " + "-" * 200_000 + "1",
        "x = " + "[" * 5_000 + "]" * 5_000,
        "a" + ".b" * 100_000,
        "x = 1\n" * 1_000_000,
        "x = '\x00'",
        "x = '\ud800'",
        "",
        "x = " + "+".join(["1"] * 50_000),
        "if 1:\n" + "".join(" " * i + "if 1:\n" for i in range(1, 200)) + " " * 200 + "pass",
    ],
)
def test_a_monstrous_source_is_an_issue_and_no_crash(source: str) -> None:
    found = inspect_source(source)
    assert found["entry"] is None and found["issues"]


def test_wrong_options_are_named_where_they_stand() -> None:
    source = "from hero_tracing import flow\n@flow(nam='x', sandbox='x')\ndef main(): ..."
    assert [(line, column, text.split("'")[1]) for line, column, text in issues(source)] == [
        (2, 7, "nam"),
        (2, 16, "sandbox"),
    ]
    assert issues("from hero_tracing import flow\n@flow(inputs={'a': {'type': 'text'}})\ndef main(a): ...") == [
        (
            2,
            14,
            "@flow: inputs['a']: 'text' is not a type; the types are string, integer, number, boolean, object, array, any",
        )
    ]


def test_inputs_that_do_not_fit_the_function_are_errors() -> None:
    source = "from hero_tracing import flow\n@flow(inputs={'a': 'string'})\ndef main(b): ..."
    assert [text for *_, text in issues(source)] == [
        "inputs declares 'a', but main() has no such parameter",
        "main() needs 'b', but inputs does not declare it: no play can pass it",
    ]


def test_what_cannot_be_read_and_what_defeats_memory_are_warnings() -> None:
    source = """
import os, time
from hero_tracing import flow
@flow
def step(at): ...
@flow(description=os.environ["X"])
def main():
    step(time.time())
"""
    assert [line for line, *_ in issues(source, "warning")] == [6, 8]
    assert issues(source) == []
    assert issues("x = 1", "warning") == [(1, 1, "there is no flow at the top level: decorate a function with @flow")]


def test_nothing_is_run(capsys: Any) -> None:
    inspect_source("print('run')\nraise SystemExit(3)")
    assert capsys.readouterr().out == ""


def test_the_hash_of_a_function_is_the_same_when_it_runs() -> None:
    source = (
        "from hero_tracing import flow\n\n@flow\n@flow(\n  memo=True)\ndef main():\n    x = '''\n  a'''\n    return 1\n"
    )
    (declared,) = inspect_source(source)["flows"]
    _, functions = load_source(source)
    assert functions[3] == (declared["line"], declared["source_sha256"])
    moved = inspect_source("# moved\n" + source)["flows"][0]
    assert moved["source_sha256"] == declared["source_sha256"] and moved["line"] == declared["line"] + 1


def test_docstrings_are_told_also_beside_a_description() -> None:
    found = inspect_source("""
from hero_tracing import flow
@flow
def fill(): pass
@flow(description="Boils water.")
def main():
    '''Fills the kettle,

    then waits.'''
""")
    assert found["description"] == "Boils water."
    assert [one.get("docstring") for one in found["flows"]] == [None, "Fills the kettle,\n\nthen waits."]
    long = inspect_source(f"from hero_tracing import flow\n@flow\ndef main():\n    '{'x' * 3000}'")
    assert len(long["flows"][0]["docstring"]) == 2000


def test_options_of_the_entry_are_checked_and_told() -> None:
    found = inspect_source("""
from hero_tracing import flow
@flow(grants=["play_list"])
def step(): pass
@flow(durability="pipelined", grants=["workflow_list"], timeout=1.5, retries=2)
def main(): pass
""")
    assert found["options"] == {
        "durability": "pipelined", "grants": ["workflow_list"], "retries": 2, "timeout_ms": 1500,
    }  # fmt: skip
    assert [(issue["line"], issue["severity"]) for issue in found["issues"]] == [(3, "warning")]


def test_a_wrong_option_is_told_with_its_place() -> None:
    found = inspect_source("""
from hero_tracing import flow
@flow(retries=-1,
      durability="fast", grants="all")
def main(): pass
@flow(memo=False, timeout=3)
def other(): pass
""")
    errors = [(issue["line"], issue["column"]) for issue in found["issues"] if issue["severity"] == "error"]
    assert errors == [(3, 7), (4, 7), (4, 26), (6, 2)] and found["options"] == {}


def test_changing_arguments_are_told_what_to_take_instead() -> None:
    found = inspect_source("""
import time, uuid
from hero_tracing import flow
@flow
def step(at): pass
@flow
def main():
    step(time.time())
    step(uuid.uuid4())
    step(flow.now())
""")
    told = [issue["message"].rpartition("use ")[2] for issue in found["issues"]]
    assert told == ["flow.now()", "flow.uuid()"]


@pytest.mark.parametrize("page", ["README.md", "docs/authoring.md", "sdk-python/README.md"])
def test_the_flows_of_the_docs_are_read_without_a_fault(page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text()
    sources = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert sources
    for source in sources:
        assert inspect_source(source)["issues"] == []
