"""The golden files in /conformance/golden, read by the TypeScript tests too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hero_tracing import NotJson, _events, _identity
from hero_tracing._canonical import canonical

GOLDEN = Path(__file__).parents[2] / "conformance" / "golden"


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def named(cases: list[dict[str, Any]], key: str = "name") -> Any:
    return [pytest.param(case, id=case[key]) for case in cases]


def revived(value: Any) -> Any:
    """What JSON cannot write is written as {"$number": "NaN"} and {"$integer": "…"}."""
    if isinstance(value, list):
        return [revived(item) for item in value]
    if isinstance(value, dict):
        if "$number" in value:
            return float(value["$number"])
        if "$integer" in value:
            return int(value["$integer"])
        return {key: revived(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("case", named(golden("canonical")["cases"]))
def test_canonical(case: dict[str, Any]) -> None:
    assert canonical(revived(case["value"])) == case["text"]
    assert canonical(json.loads(case["text"], parse_int=float)) == case["text"], "the canonical form is a fixed point"


@pytest.mark.parametrize("case", named(golden("canonical")["refused"]))
def test_refused(case: dict[str, Any]) -> None:
    with pytest.raises(NotJson) as refused:
        canonical(revived(case["value"]), "arguments")
    assert refused.value.path == case["path"]


@pytest.mark.parametrize("call", named(golden("places")["calls"], "label"))
def test_places(call: dict[str, Any]) -> None:
    doc = golden("places")
    by_label = {"root": doc["root"], **{other["label"]: other for other in doc["calls"]}}
    counter = _identity.Counter()
    for _ in range(call["n"] + 1):
        place = counter.place(
            by_label[call["parent"]]["place"],
            canonical(call["branch"]),
            canonical(call["name"]),
            canonical(call["args"]),
        )
    assert place == call["place"]
    assert _identity.step_key(doc["version_sid"], place) == call["step_key"]
    assert _identity.span_id(doc["play_sid"], place) == call["span_id"]
    assert _identity.idempotency_key(doc["play_sid"], call["step_key"]) == call["idempotency_key"]
    assert _identity.resume_id(doc["play_sid"], place) == call["resume_id"]


@pytest.mark.parametrize("case", named(golden("events")["events"]))
def test_events(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_events, "now", lambda: golden("events")["at"])
    ((make, options),) = case["make"].items()
    line = getattr(_events, make)(**options)
    assert line.endswith("\n") and "\n" not in line[:-1]
    assert json.loads(line) == case["event"]


@pytest.mark.parametrize("transcript", named(golden("frames")["transcripts"]))
def test_frames(transcript: dict[str, Any], play: Any) -> None:
    executor = play("")
    for number, attempt in enumerate(transcript["attempts"]):
        executor.start = {**transcript["start"], "attempt": number}
        executor.memory = {place: tuple(item) for place, *item in attempt["memory"]}
        replies = iter(attempt["exchange"])
        executor.on_frame = lambda frame, replies=replies: next(replies)["executor"]
        ran = executor.run()
        assert ran.frames == [step["play"] for step in attempt["exchange"]]
        assert ran.code == attempt["exit"]
