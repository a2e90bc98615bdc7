"""The table of `@flow`'s options says what decorator, types, inspector and reference say."""

from __future__ import annotations

import sys
import typing
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from hero_tracing import OptionError, flow
from hero_tracing._inspect import inspect_source
from hero_tracing._options import DEFAULTS, OPTIONS, reference

ROOT = Path(__file__).parents[2]
WRONG: dict[str, Any] = {
    "name": "",
    "inputs": 3,
    "outputs": {"a": {"kind": "string"}},
    "description": 3,
    "tags": "mail",
    "memo": 1,
    "retries": -1,
    "retry_delay": -1,
    "backoff": 0.5,
    "jitter": 2,
    "timeout": 0,
    "at_most_once": "yes",
    "durability": "quick",
    "grants": "workflow_list",
    "secrets": ["not a name"],
    "egress": ["https://example.org"],
}


def test_the_reference_shows_the_table() -> None:
    text = (ROOT / "docs" / "authoring.md").read_text("utf-8")
    assert reference() in text, f"docs/authoring.md, What `@flow` takes, must be:\n{reference()}"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="overloads are known to Python 3.11")
def test_the_types_of_the_decorator_are_those_of_the_table() -> None:
    _, with_options = typing.get_overloads(type(flow).__call__)
    parameters = signature(with_options).parameters
    assert {name: one.default for name, one in parameters.items() if name != "self"} == DEFAULTS


@pytest.mark.parametrize("option", OPTIONS)
def test_the_decorator_and_the_inspector_refuse_the_same(option: str) -> None:
    value = WRONG[option]
    with pytest.raises(OptionError) as refused:
        flow(**{option: value})(lambda: None)
    source = f"from hero_tracing import flow\n@flow({option}={value!r})\ndef main(): ...\n"
    errors = [issue["message"] for issue in inspect_source(source)["issues"] if issue["severity"] == "error"]
    assert errors == [str(refused.value)]


@pytest.mark.parametrize("option", OPTIONS)
def test_the_default_may_be_written(option: str) -> None:
    default = OPTIONS[option].default
    flow(**{option: default})(lambda: None)
    found = inspect_source(f"from hero_tracing import flow\n@flow({option}={default!r})\ndef main(): ...\n")
    assert found["issues"] == []
