"""Every public name has a docstring with an example, and docs/reference.md is what they say."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import hero_tracing
from hero_tracing import testing

ROOT = Path(__file__).parents[2]
# Its example needs the openai package and an endpoint; docs/instrument.md has one that runs.
WITHOUT_EXAMPLE = {"ai"}


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = _reference()
NAMES: dict[str, Any] = {name: value for _, names in REFERENCE.public() for name, value in names}


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_a_docstring_with_an_example(name: str) -> None:
    text = inspect.getdoc(NAMES[name]) or ""
    assert text.split("\n")[0].rstrip().endswith((".", "`:")), "the first line is a sentence"
    if name not in WITHOUT_EXAMPLE and not name.startswith("Ran.") and name != "@flow":
        assert ">>>" in text


def test_the_page_has_every_public_name() -> None:
    modules = {*hero_tracing.__all__, *testing.__all__}
    assert {name.split(".")[0].lstrip("@") for name in NAMES} == modules


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == REFERENCE.page(), "run `npm run generate`"
