"""The examples of the pages about instrumented clients and tests, and of those for newcomers: each runs as it stands."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from hero_tracing._flow import declaration_of
from hero_tracing.testing import play

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = [
    (page, number, block)
    for page in ("instrument.md", "testing.md", "from-prefect.md", "from-temporal.md")
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL), 1)
]


def load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("page", "number", "block"), BLOCKS, ids=[f"{page}-{number}" for page, number, _ in BLOCKS])
def test_an_example_runs_as_it_stands(page: str, number: int, block: str, tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(block, "utf-8")
    module = load(file)
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    for test in tests:
        test()
    if not tests and declaration_of(getattr(module, "main", None)) is not None:
        ran = play(module.main, answers={"which_one": "tea"})
        assert ran.error is None and len(ran.spans) > 1


def test_the_pages_have_examples() -> None:
    assert [(page, number) for page, number, _ in BLOCKS] == [
        ("instrument.md", 1), ("instrument.md", 2), ("testing.md", 1), ("testing.md", 2), ("testing.md", 3),
        ("from-prefect.md", 1), ("from-temporal.md", 1),
    ]  # fmt: skip


def test_the_price_table_says_the_date_that_its_page_says() -> None:
    from hero_tracing._instrument.prices import AS_OF

    assert AS_OF in (DOCS / "instrument.md").read_text("utf-8")
