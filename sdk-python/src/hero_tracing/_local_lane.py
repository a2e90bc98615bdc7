"""Stands for the executor outside the runtime: commits go into a local memory, timers sleep, workflows are files nearby."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ._errors import SecretUnavailable
from ._inspect import inspect_source
from ._local_memory import LocalMemory
from ._secrets.local import LocalSecrets

Question = dict[str, Any]
# Answers questions: for each place that is answered, `answer` or `refused` and a text of JSON. It never raises: it is called in a
# thread of the SDK, where nobody takes the error. `at_rest`: nothing goes on without an answer.
Answer = Callable[[list[Question], bool], Mapping[str, tuple[str, str]]]


class LocalLane:
    """Requests of a flow that runs outside the runtime."""

    def __init__(
        self,
        file: str | None,
        memory: LocalMemory,
        answer: Answer,
        *,
        methods: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = Path(file).resolve().parent if file else Path.cwd()
        self._memory = memory
        self._answer = answer
        self._methods = methods
        self.secrets = LocalSecrets(secrets)
        self._lock = threading.Lock()
        self._asked: dict[str, Question] = {}  # what waits, by place

    def request(self, kind: str, body: str, arrived: Any = None) -> dict[str, Any]:
        frame = json.loads(f"{{{body}}}")
        if kind == "commit":
            with self._lock:
                for step in frame["steps"]:
                    self._memory.commit(step)
            return {"t": "done"}
        if kind in ("ask", "pause"):
            return self._wait(frame, kind == "pause")
        if kind == "resolve":
            return self._resolve(frame["workflow_name"])
        if kind == "call" and self._methods is not None:
            return self._call(frame["method"], json.loads(frame["params"]))
        if kind == "secret":
            try:
                return {"t": "secret", "value": self.secrets.get(frame["name"])}
            except SecretUnavailable as error:
                return refused(error.code, str(error))
        return refused("UNAVAILABLE", f"there is no {kind} outside the runtime: start the flow as a play")

    # --- waits --------------------------------------------------------------------------------------------------------------

    def _wait(self, frame: dict[str, Any], at_rest: bool) -> dict[str, Any]:
        if frame.get("replay"):
            return {"t": "answers", "answers": []}  # nothing is replayed here: what runs goes on
        for place in frame["withdrawn"]:
            self._asked.pop(place, None)
        for question in frame["questions"]:
            self._asked[question["place"]] = question
            if question["kind"] == "timer":
                question["ends"] = self.monotonic() + self.remaining(question["place"], question["timeout_ms"] / 1000)
            elif question["timeout_ms"] is not None:
                question["ends"] = self.monotonic() + question["timeout_ms"] / 1000
        answers = self._answers(at_rest)
        if not answers and at_rest and self._asked:
            return self.unanswered(list(self._asked.values()))
        told = []
        for place, (kind, payload) in answers.items():
            with self._lock:
                question = self._asked.pop(place)
                if kind != "refused":  # a refusal is not remembered: the next run asks again
                    self._memory.answered(question, kind, payload)
            told.append({"place": place, "kind": kind, "payload": payload})
        return {"t": "answers", "answers": told}

    def _answers(self, at_rest: bool) -> dict[str, tuple[str, str]]:
        """What ends waiting now: answers, or else timers; at rest the flow sleeps until the first of them."""
        questions = [question for question in self._asked.values() if question["kind"] == "question"]
        given = self._answer(questions, at_rest) if questions else {}
        if given:
            return dict(given)
        timed = [question for question in self._asked.values() if self.ends(question)]
        now = self.monotonic()
        if at_rest and timed:
            first = min(question["ends"] for question in timed)
            self.sleep(max(0.0, first - now))
            now = max(now, first)  # not asked of the clock again, which may have slept a little less
        return {question["place"]: _over(question) for question in timed if question["ends"] <= now}

    def unanswered(self, questions: list[Question]) -> dict[str, Any]:
        """The reply where nobody answers: every question that waits is refused, also one that was asked before."""
        self._asked.clear()
        told = json.dumps({"code": "NO_ANSWER", "message": self.nobody(questions)})
        refusals = [{"place": question["place"], "kind": "refused", "payload": told} for question in questions]
        return {"t": "answers", "answers": refusals}

    def ends(self, question: Question) -> bool:
        """Whether it ends by itself. A person at a terminal may take their time."""
        return bool(question["kind"] == "timer")

    def remaining(self, place: str, seconds: float) -> float:
        with self._lock:
            return self._memory.timer(place, seconds)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def nobody(self, questions: list[Question]) -> str:
        return f"the input has ended, so nobody answers: {', '.join(question['name'] for question in questions)}"

    # --- other requests -----------------------------------------------------------------------------------------------------

    def _call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        assert self._methods is not None
        if method not in self._methods:
            return refused("METHOD_NOT_FOUND", f"the test gives no {method!r}: play(…, methods={{{method!r}: …}})")
        found = self._methods[method]
        return {"t": "result", "result": json.dumps(found(**params) if callable(found) else found, ensure_ascii=False)}

    def _resolve(self, name: str) -> dict[str, Any]:
        looked = [self._folder / f"{name}.py", self._folder.parent / name / "flow.py", Path("flows") / name / "flow.py"]
        for path in looked:
            if path.is_file():
                source = path.read_text("utf-8")
                found = inspect_source(source)
                if found["entry"] is not None:
                    return {
                        "t": "resolved", "version_sid": str(path), "version_number": 1, "source": source,
                        "entry": found["entry"], "file": str(path),
                    }  # fmt: skip
        where = ", ".join(map(str, looked))
        return refused(
            "NOT_FOUND", f"outside the runtime a workflow is a file, and none of these files exists: {where}"
        )

    def post(self, kind: str, body: str, replied: Callable[[dict[str, Any]], None]) -> None:
        replied(self.request(kind, body))

    def send(self, kind: str, body: str, arrived: Callable[[dict[str, Any]], None]) -> None:
        arrived(self.request(kind, body))

    def listen(self, loop: Any, woken: Callable[[], None]) -> None:
        """Does nothing: no executor sends `woken`."""

    async def request_async(self, kind: str, body: str) -> dict[str, Any]:
        return self.request(kind, body)

    def detach(self) -> None:
        """Does nothing: there is no connection that a fork would share."""


def refused(code: str, message: str) -> dict[str, Any]:
    return {"t": "refused", "code": code, "message": message}


def _over(question: Question) -> tuple[str, str]:
    """How a wait ends whose time is over."""
    if question["kind"] == "timer":
        return "answer", "null"
    if question["default"] is not None:
        return "answer", question["default"]
    error = {
        "type": "PauseTimeout",
        "module": "hero_tracing",
        "message": f"nobody answered {question['name']}",
        "data": None,
        "traceback": "",
    }
    return "error", json.dumps(error)
