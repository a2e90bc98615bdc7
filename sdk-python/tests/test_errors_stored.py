"""What of an error cannot be stored is cleaned or shortened, and says so."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from error_flows import HEAD, MAIN, both, groups


def test_what_cannot_be_stored_is_cleaned_and_says_so(play: Any) -> None:
    source = """
class Mine(Exception): pass
@flow
def bad():
    error = Mine("nul \\x00 and half \\ud800")
    error.extra = {"k\\x00": ["\\udfff"]}
    error.__notes__ = ["a \\ud800 note"]
    raise error
"""
    seen = both(play, source + MAIN)
    assert seen["extra"] == "{'k�': ['�']}"
    assert seen["args"][0] == "'nul \ufffd and half \ufffd'"
    assert seen["notes"][0] == "a \ufffd note" and "cannot be stored" in seen["notes"][1]
    assert "cannot be stored" in seen["traceback"] or sys.version_info < (3, 11)


@pytest.mark.parametrize(
    "raises",
    [
        "raise ValueError('x' * (17 << 20))",
        "raise ValueError(['x'] * (5 << 20))",
        "error = ValueError('no'); error.extra = {'a': ['\\xe9' * (20 << 20)]}; raise error",
        "error = ValueError('no'); error.extra = b'x' * (17 << 20); raise error",
        "error = ValueError('no'); error.__notes__ = ['x' * (20 << 20)]; raise error",
        "raise ValueError('a', KeyError('x' * (17 << 20)))",
    ],
)
def test_what_is_too_large_is_shortened_and_says_so(play: Any, raises: str) -> None:
    source = """
@flow
def main():
    try: bad()
    except ValueError as error: return [error.__notes__[-1], str(error)[:20]]
"""
    executor = play(HEAD + f"@flow\ndef bad():\n    {raises}\n" + source)
    executor.run()
    (step,) = executor.commits
    assert len(step["outcome"].encode()) <= 16 << 20
    assert "shortened" in executor.output[0]
    was = executor.output
    executor.run()
    assert executor.output == was and len(executor.commits) == 1


def test_an_error_from_the_end_of_the_stack_is_remembered(play: Any) -> None:
    source = """
@flow
def bad():
    def down(n): return down(n + 1) + 1
    down(0)
@flow
def outer(n): return outer.__wrapped__(n - 1) if n else bad()
@flow
def main():
    seen = []
    for n in (0, 900, 930, 945):
        try: outer(n)
        except RecursionError as error: seen.append(str(error))
    return seen
"""
    assert len(both(play, source)) == 4


# --- what a retry drops ---------------------------------------------------------------------------------------------------


def spans(executor: Any, *names: str) -> set[str]:
    return {event["span_id"] for attempt in executor.attempts for name in names for event in attempt.named(name)}


def test_the_end_names_the_spans_that_the_error_passed_through_and_no_others(play: Any) -> None:
    source = """
@flow
def caught(): raise ValueError("same")
@flow
def inner(): raise ValueError("same")
@flow
def outer():
    try: caught()
    except ValueError: pass
    with flow.step("block"): inner()
@flow
def main():
    try: caught()
    except ValueError: pass
    outer()
"""
    executor = play(HEAD + source)
    for _ in range(2):
        executor.run()
        assert set(executor.end["failed_at"]) == spans(executor, "inner", "outer", "block", "main")
        assert executor.error["span_id"] in spans(executor, "inner")


def test_an_explicit_cause_is_passed_through_an_implicit_one_was_caught(play: Any) -> None:
    source = """
@flow
def one(): raise ValueError("one")
@flow
def two(): raise KeyError("two")
@flow
def three(): raise OSError("three")
@flow
def main():
    try: one()
    except ValueError:
        try: two()
        except KeyError as error:
            try: three()
            except OSError: raise RuntimeError("end") from error
"""
    executor = play(HEAD + source)
    for _ in range(2):
        executor.run()
        assert set(executor.end["failed_at"]) == spans(executor, "two", "main")


def test_each_failed_item_of_a_map_is_passed_through(play: Any) -> None:
    source = """
@flow
def even(n):
    if n % 2 == 0: raise ValueError(n)
@flow
def mapped(): flow.map(even, range(6))
@flow
def main(): mapped()
"""
    executor = play(HEAD + source)
    for _ in range(2):
        executor.run()
        ends = [event for event in executor.attempts[0].events if event["type"] == "span_ended"]
        failed = {event["span_id"] for event in ends if event["status"] == "failed"} - spans(executor, "map:even")
        assert len(failed) == 5 and set(executor.end["failed_at"]) == failed


@groups
def test_each_member_of_a_group_is_passed_through(play: Any) -> None:
    source = """
@flow
async def bad(name): raise ValueError(name)
@flow
async def main():
    errors = await asyncio.gather(*map(bad, "ab"), return_exceptions=True)
    raise ExceptionGroup("both", errors)
"""
    executor = play(HEAD + source)
    for _ in range(2):
        executor.run()
        assert set(executor.end["failed_at"]) == spans(executor, "bad", "main")
