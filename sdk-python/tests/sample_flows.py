"""The sample flows of `conformance/flows`, played with the fake executor: plainly, always replayed, killed after each group.

What must hold in every mode: the output that the sample says, no effect of a step that is committed already, and no
difference between what is remembered and what is asked for.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from fake_executor import FakeExecutor

FOLDER = Path(__file__).resolve().parents[2] / "conformance" / "flows"
NOT_HERE = "{workflow}"  # children and workflows of their own need a registry
MOST_ATTEMPTS = 60


class Sample(NamedTuple):
    name: str
    source: str
    expected: dict[str, Any]


class Played(NamedTuple):
    faults: list[str]
    groups: int


def samples() -> list[Sample]:
    prelude = (FOLDER / "prelude.txt").read_text("utf-8")
    found = []
    for path in sorted(FOLDER.glob("*.py")):
        text = path.read_text("utf-8")
        expected = json.loads(text.split("\n")[1].removeprefix("# "))
        needs = tuple(int(part) for part in expected.get("python", "3.10").split("."))
        if NOT_HERE not in text and sys.version_info >= needs:
            found.append(Sample(path.stem, prelude + text, expected))
    return found


def play(sample: Sample, cut_after: int | None = None, together: float = 0.0, **start: Any) -> Played:
    """Plays it to its end; answers one question at a time, and lets time pass where nothing else is left."""
    answers, faults = sample.expected.get("answers", {}), []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        pipelined = {"durability": "pipelined"} if sample.expected.get("pipelined") else {}
        executor = FakeExecutor(sample.source, input={"log": str(log)}, options=pipelined, **start)
        executor.cut_after, executor.together = cut_after, together
        committed: dict[str, int] = {}

        def watch(frame: dict[str, Any]) -> None:
            if frame.get("diverged"):
                faults.append(f"it diverged: {frame['diverged']['reason']}")
            for step in frame.get("steps", ()):
                if step["kind"] != "begun":
                    key = hashlib.sha256(f"play-1|{step['step_key']}".encode()).hexdigest()[:32]
                    committed.setdefault(key, time.time_ns())

        executor.on_frame = watch
        for _ in range(MOST_ATTEMPTS):
            attempt = executor.run()
            if executor.end is not None:
                break
            if attempt.code not in (71, 75):
                faults.append(f"an attempt ended with {attempt.code}: {attempt.logs('stderr')[-20:]}")
                break
            if attempt.code == 75 and not _replays(attempt) and not _answer(executor, answers):
                executor.pass_time()
        else:
            waits = sorted(question["name"] for question in executor.questions.values())
            faults.append(f"it did not end; it waits for {waits}")
        if executor.end is not None and executor.error is not None:
            faults.append(f"it failed: {executor.error['type']}: {executor.error['message'][:300]}")
        elif executor.end is not None and executor.output != sample.expected["output"]:
            faults.append(f"it returned {executor.output!r}, not {sample.expected['output']!r}")
        lines = [line.split(" ") for line in log.read_text().splitlines()] if log.exists() else []
    counts = Counter(what for what, *_ in lines)
    cut = cut_after is not None or pipelined
    for what, key, at in lines:
        if int(at) > committed.get(key, sys.maxsize) + 1_000_000:
            faults.append(f"the effect {what} happened after its step was committed")
    for what, count in counts.items():
        if count > 1 and not cut and not what.startswith(tuple(sample.expected.get("repeats", ()))):
            faults.append(f"the effect {what} happened {count} times")
    for start_of in sample.expected.get("one_of", ()):
        if sum(what.startswith(start_of) for what in counts) != 1:
            faults.append(f"not exactly one of {start_of}…: {sorted(counts)}")
    return Played(faults, executor.groups)


def play_killed(sample: Sample, every: int = 1, together: float = 0.0) -> list[str]:
    """Kills the executor once after each group (each `every`th), and compares."""
    plain = play(sample, together=together)
    faults = list(plain.faults)
    for count in range(1, plain.groups + 1, every):
        faults += [f"killed after group {count}: {fault}" for fault in play(sample, count, together).faults]
    return faults


def _replays(attempt: Any) -> bool:
    return bool(attempt.frames) and attempt.frames[-1].get("replay", False)


def _answer(executor: FakeExecutor, answers: dict[str, Any]) -> bool:
    for place, question in executor.questions.items():
        name = question["name"]
        is_open = question["kind"] == "question" and place not in executor.answers
        if is_open and (name in answers or name.startswith("decide:")):
            executor.answer_at(place, answers.get(name, {"action": "run"}))
            return True
    return bool(executor.answers)
