"""What is shown of a text with secrets; apps/executor/test/redactor.test.ts reads the same cases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_golden import golden, named

from hero_tracing._secrets.redactor import Redactor

CASES = golden("secrets")


@pytest.fixture(scope="module")
def known() -> Redactor:
    redactor = Redactor()
    for name, value in CASES["secrets"].items():
        redactor.add(name, value)
    return redactor


@pytest.mark.parametrize("case", named(CASES["texts"]))
def test_texts(known: Redactor, case: dict[str, Any]) -> None:
    assert known.text(case["text"]) == case["redacted"]
    assert known.text(case["redacted"]) == case["redacted"]


@pytest.mark.parametrize("case", named(CASES["json"]))
def test_json(known: Redactor, case: dict[str, Any]) -> None:
    assert json.loads(known.json(json.dumps(case["value"], ensure_ascii=False))) == case["redacted"]
    assert json.loads(known.json(json.dumps(case["value"]))) == case["redacted"]


def test_the_path_of_a_secret(known: Redactor) -> None:
    value = {"a": [1, {"b": CASES["secrets"]["PIN"]}]}
    assert known.path_in(value, "result") == ("result.a[1].b", "PIN")
    assert known.path_in({"a": [90210447]}, "result") == ("result.a[0]", "PIN"), "a number that shows it, too"
    assert known.path_in({"a": "b"}, "result") is None
