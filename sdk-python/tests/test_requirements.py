"""What a source requires, and every malformed way to say it, with its line."""

from __future__ import annotations

import sys

import pytest

from hero_tracing._inspect.requirements import _REQUIREMENT, requirements_of


def block(*lines: str) -> str:
    return "\n".join(["x = 1", "# /// script", *(f"# {line}" if line else "#" for line in lines), "# ///", ""])


@pytest.mark.parametrize(
    "name",
    [
        "httpx",
        "httpx>=0.27,<1",
        "rich[a,b]",
        "ruamel.yaml ~= 0.18",
        "torch==2.0.1+cpu",
        "a (>=1, !=1.5)",
        "tomli; python_version < '3.11'",
        'x>=1 ; sys_platform == "linux" and (extra == "y")',
    ],
)
def test_a_requirement_is_a_name_with_extras_versions_and_a_marker(name: str) -> None:
    quoted = "'''" + name + "'''"
    assert requirements_of(block(f"dependencies = [{quoted}]")) == ([name], [])


@pytest.mark.parametrize(
    "name",
    [
        "-r /etc/passwd",
        "--index-url=http://example.org",
        "httpx --index-url=http://example.org",
        "httpx>=1 --hash=sha256:0",
        "httpx; python_version > '3' --hash=sha256:0",
        "httpx @ https://example.org/httpx.whl",
        "httpx@file:///etc/passwd",
        "./wheels/httpx.whl",
        "git+https://example.org/x",
        "httpx==${SECRET}",
        "httpx>=",
        "httpx,rich",
        "httpx>=1\n-r other",
        "httpx #",
        "httpx (>=1",
    ],
)
def test_anything_else_is_refused(name: str) -> None:
    found, problems = requirements_of(block(f"dependencies = [{name!r}]".replace("\\n", "\\\\n")))
    assert found == []
    assert len(problems) == 1 and problems[0][0] == 3


@pytest.mark.parametrize("name", ["foo==\n-rlock.txt", "foo\n", "foo\u2028==1", "foo[a\n]", "foo ;\nx>'1'"])
def test_no_line_break_is_part_of_a_requirement(name: str) -> None:
    assert _REQUIREMENT.fullmatch(name) is None


@pytest.mark.parametrize("start", ["a[x]", "a", "a(>=1", "a>=1", "a>=1,", "a[", "a;x"])
def test_a_long_run_of_blanks_is_read_once(start: str) -> None:
    # What is quadratic takes hours here, and the runner's limit ends it.
    assert _REQUIREMENT.fullmatch(start + " " * 2_000_000 + "$") is None


def test_a_fault_is_reported_at_its_own_line() -> None:
    source = block("dependencies = [", '  "httpx",', '  "no name",', '  "rich @ https://example.org",', "]")
    found, problems = requirements_of(source)
    assert found == ["httpx"]
    assert [line for line, _ in problems] == [5, 6]
    assert "URLs and paths are not possible" in problems[1][1]


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("# /// script\n# dependencies = []\nimport os\n", 1, "has no end"),
        ("# /// script\n# dependencies = []", 1, "has no end"),
        ("# /// script\n#dependencies = []\n# ///\n", 2, "begins with `#` and a space"),
        (block('dependencies = "httpx"'), 3, "must be an array of strings"),
        (block("", "dependencies = [1]"), 4, "must be an array of strings"),
        (block('dependencies = ["a"]') + block('dependencies = ["b"]'), 6, "a second script block"),
    ],
)
def test_a_malformed_block_is_reported(source: str, line: int, message: str) -> None:
    _, problems = requirements_of(source)
    assert [found for found, _ in problems] == [line]
    assert message in problems[0][1]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the rest of the block is read as TOML, from Python 3.11 on")
@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        (['dependencies = ["a"]', "x = = 1"], 4, "the script block is not TOML: invalid value"),
        (['requires-python = ">=4"'], 3, "requires-python is '>=4', and plays run with Python 3."),
        (['requires-python = "three"'], 3, "is not a version"),
        (["requires-python = 3"], 3, "must be a string"),
        (["[tool.uv.sources]", 'a = { path = "x" }'], 3, "tool.uv.sources has no effect here"),
    ],
)
def test_what_the_block_says_besides_is_checked(lines: list[str], line: int, message: str) -> None:
    _, problems = requirements_of(block(*lines))
    assert [found for found, _ in problems] == [line]
    assert message in problems[0][1]


@pytest.mark.parametrize("wanted", [">=3.8", ">=3.8,<4", "~=3.0", "!=2.*", "==3.*", "<=99", ">2.7.18"])
def test_an_interpreter_that_fits_is_no_fault(wanted: str) -> None:
    assert requirements_of(block(f'requires-python = "{wanted}"', 'dependencies = ["a"]')) == (["a"], [])
