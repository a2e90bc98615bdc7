"""What is shown of a text with secrets; apps/executor/test/redactor.test.ts reads the same cases."""

from __future__ import annotations

import json
import time
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


@pytest.mark.parametrize("value", ['"quoted" one', "\\\\server\\share", "/slashes/here", "\nline and more"])
def test_a_run_of_backslashes_before_a_secret_hides_nothing_of_it(value: str) -> None:
    redactor = Redactor()
    redactor.add("KEY", value)
    for count in (0, 1, 2, 3, 8):
        run = "\\" * count
        assert value[3:] not in redactor.text(f"a{run}{value}b")
        shown = redactor.text(f"a{run}{json.dumps(value)[1:-1]}b")
        assert shown.replace("\\", "") == "a(redacted: KEY)b"

    def least(length: int) -> float:
        text = "a" + "\\" * length + "b"
        times = []
        for _ in range(5):
            start = time.perf_counter()
            redactor.text(text)
            times.append(time.perf_counter() - start)
        return min(times)

    assert least(32_000) / least(4_000) < 32, "8 where it grows with the length, 64 where it grows with its square"


def test_a_backslash_that_ends_another_secret_does_not_hide_one() -> None:
    redactor = Redactor()
    redactor.add("A", "ends with \\")
    redactor.add("B", '"quoted" one')
    assert redactor.text('ends with \\"quoted" one') == "(redacted: A)(redacted: B)"
