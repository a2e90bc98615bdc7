"""The answers of a test, and the lane that gives them.

Rules:
 1. As `prefill_resumes` of a play: an exact name goes before a glob, a list is a sequence, an answer is used once.
 2. An answer that the question's form would refuse is an error of the test: the question is refused, so that the flow ends, and
    `play` gives the error, whatever the flow made of the refusal.
 3. Time passes only where every branch waits and no answer is left: to the first timer or timeout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timezone
from fnmatch import fnmatchcase
from typing import Any

from .._canonical import dump
from .._clock import Clock
from .._errors import NotJson, OptionError
from .._local_lane import LocalLane, Question
from .._local_memory import LocalMemory


class Answers:
    """What is left of the given answers."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name: list(value) if isinstance(value, list) else [value] for name, value in given.items()}

    def take(self, question: Question) -> str | None:
        name = question["name"]
        fits = [key for key in self._given if key == name] or [key for key in self._given if fnmatchcase(name, key)]
        for key in fits:
            if not self._given[key]:
                continue
            value = self._given[key].pop(0)
            try:
                payload = dump(value, f"answers[{key!r}]")
            except NotJson as error:
                raise OptionError(f"play: {error}") from None
            problem = misfit(value, question["schema"] or {})
            if problem:
                raise OptionError(f"play: the answer to {name!r} {problem}, not {value!r}")
            return payload
        return None


class TestLane(LocalLane):
    """The lane of a flow in a test; its clock stands still but for waits."""

    __test__ = False  # no test of pytest's

    def __init__(
        self,
        file: str | None,
        memory: LocalMemory,
        answers: Answers,
        clock: Clock,
        methods: Mapping[str, Any],
        secrets: Mapping[str, str],
    ) -> None:
        super().__init__(file, memory, self._take, methods=methods, secrets=secrets)
        self.misfit: OptionError | None = None  # the first (rule 2)
        self._given = answers
        self._clock = clock

    def _take(self, questions: list[Question], at_rest: bool) -> dict[str, tuple[str, str]]:
        answers = {}
        for question in questions:
            try:
                payload = self._given.take(question)
            except OptionError as error:
                self.misfit = self.misfit or error
                told = json.dumps({"code": "INVALID_ANSWER", "message": str(error)})
                answers[question["place"]] = "refused", told
                continue
            if payload is not None:
                answers[question["place"]] = "answer", payload
        return answers

    def ends(self, question: Question) -> bool:
        return "ends" in question

    def remaining(self, place: str, seconds: float) -> float:
        return seconds

    def monotonic(self) -> float:
        return self._clock.now().astimezone(timezone.utc).timestamp()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)

    def nobody(self, questions: list[Question]) -> str:
        names = ", ".join(repr(question["name"]) for question in questions)
        return f"nobody answers {names}: give the answers to play(…, answers={{name: value}})"


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float), "array": (list, tuple), "object": (dict,), "null": (type(None),),
}  # fmt: skip


def misfit(value: Any, schema: Mapping[str, Any]) -> str:
    """Why a value does not fit a schema, as far as types and options go; the runtime checks all of it.

    >>> misfit(3, {"enum": ["a"]}), misfit("x", {"type": "integer"}), misfit(1, {"type": "number"})
    ('must be one of ["a"]', 'must be of type integer', '')
    """
    options = schema.get("enum")
    if options is not None and not any(json.dumps(value) == json.dumps(option) for option in options):
        return f"must be one of {json.dumps(options, ensure_ascii=False)}"
    wanted = schema.get("type")
    kinds = _TYPES.get(wanted) if isinstance(wanted, str) else None
    if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and wanted != "boolean")):
        return f"must be of type {wanted}"
    items = schema.get("items")
    if isinstance(items, Mapping) and isinstance(value, (list, tuple)):
        return next(
            (f"has an item that {problem}" for problem in (misfit(item, items) for item in value) if problem), ""
        )
    return ""
