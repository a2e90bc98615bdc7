"""An executor and a registry in a hundred lines: one attempt is one forked process with two real connections.

It keeps what a registry keeps (memory by place, open questions), and writes every frame and event down for assertions.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hero_tracing._play import run_play


class Attempt:
    """One process of the play: what it said, and how it ended."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.code: int | None = None
        self.signal: int | None = None

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == "span_started" and event["name"] == name]

    def logs(self, stream: str = "stdout") -> list[str]:
        return [event["text"] for event in self.events if event["type"] == "log" and event["stream"] == stream]

    def replayed(self) -> list[str]:
        return [event["span_id"] for event in self.events if event.get("status") == "replayed"]


class FakeExecutor:
    """Plays one source over as many attempts as the test wants."""

    def __init__(self, source: str, entry: str = "main", input: dict[str, Any] | None = None, **start: Any) -> None:
        self.start = {
            "t": "start",
            "play_sid": "play-1",
            "attempt": 0,
            "version_sid": "version-1",
            "workflow_name": "test",
            "source": source,
            "entry": entry,
            "options": {},
            "input": json.dumps(input or {}),
            "sandbox": {"level": "off", "enforced": [], "missing": []},
            "always_replay": False,
            "parent_span_id": None,
            **start,
        }
        self.memory: dict[str, tuple[str, str, str, str, str]] = {}  # place → kind, text, parent place, name, role
        self.commits: list[dict[str, Any]] = []
        self.questions: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, tuple[str, str]] = {}  # given, and not taken yet, by place: kind and text
        self.asked: set[str] = set()  # places that this attempt asked about
        self.withdrawn: list[str] = []
        self.groups = 0  # commits, asks and pauses that were applied
        self.cut_after: int | None = None  # the executor is killed after so many groups, before their last reply
        self._control: socket.socket | None = None
        self.prefill: dict[str, list[Any]] = {}
        self.parents: dict[str, str] = {}
        self.together = (
            0.0  # seconds in which replies are gathered and then sent at once, as a group of the registry is
        )
        self.timers_end = False  # timers end as soon as they are asked
        self.children: dict[
            str, Any
        ] = {}  # by workflow: an output, an exception, a function of the inputs, or ... (runs)
        self.spawned: dict[str, str] = {}
        self.ended_children: dict[str, list[Any]] = {}
        self.library: dict[str, str] = {}  # sources by workflow
        self.resolved: list[str] = []
        self.methods: dict[str, Any] = {}
        self.secrets: dict[str, str] = {}
        self.broker: dict[str, str] | None = None  # url and model
        self.attempts: list[Attempt] = []
        self.output: Any = None
        self.error: dict[str, Any] | None = None
        self.end: dict[str, Any] | None = None
        self.on_frame: Any = None  # (frame) -> reply | bytes | None, before what is usual
        self.on_event: Any = None  # (event), in the thread that reads them

    def run(self, until_end: bool = False) -> Attempt:
        attempt = self._attempt()
        while until_end and attempt.code == 75:
            attempt = self._attempt()
        return attempt

    def answer(self, name: str, value: Any) -> None:
        """Answers the oldest open question of the name."""
        place = next(
            place
            for place, question in self.questions.items()
            if question["name"] == name and place not in self.answers
        )
        self.answer_at(place, value)

    def answer_at(self, place: str, value: Any) -> None:
        self.answers[place] = ("answer", json.dumps(value))
        if self._control is not None:
            self._control.sendall(b'{"t":"woken"}\n')

    def pass_time(self) -> None:
        """The timer that ends first is due from now on."""
        timed = [question for question in self.questions.values() if question["timeout_ms"] is not None]
        if timed:
            min(timed, key=lambda question: question["ends"])["ends"] = 0.0

    def _take(self, place: str) -> dict[str, str] | None:
        """What answers this open question; it is the play's from now on."""
        question = self.questions[place]
        name = question["name"]
        if place not in self.answers:
            waiting = None
            if question["kind"] == "timer":
                ended = self.timers_end and question["role"] != "timeout"
                waiting = [None] if ended or question["ends"] <= time.monotonic() else None
            elif question["kind"] == "child":
                waiting = self.ended_children.get(place)
            else:
                waiting = self.prefill.get(name)
                if not waiting and question["ends"] <= time.monotonic():
                    self.answers[place] = ("error", TIMED_OUT)
                    if question["default"] is not None:
                        self.answers[place] = ("answer", question["default"])
                    return self._take(place)
            if not waiting:
                return None
            value = waiting.pop(0)
            error = isinstance(value, Exception)
            self.answers[place] = ("error", child_failed(value)) if error else ("answer", json.dumps(value))
        kind, text = self.answers.pop(place)
        del self.questions[place]
        self.memory[place] = (kind, text, question["parent_place"], name, question["role"])
        return {"place": place, "kind": kind, "payload": text}

    def _attempt(self) -> Attempt:
        self.start["attempt"] += 1
        attempt = Attempt()
        self.attempts.append(attempt)
        mine, theirs = socket.socketpair()
        my_events, their_events = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            mine.close()
            my_events.close()
            _be_the_play(theirs, their_events)
        theirs.close()
        their_events.close()
        reader = threading.Thread(target=self._read_events, args=(my_events, attempt))
        reader.start()
        try:
            self._serve(mine, attempt)
        finally:
            mine.close()
            _, status = os.waitpid(pid, 0)
            reader.join()
            my_events.close()
        if os.WIFEXITED(status):
            attempt.code = os.WEXITSTATUS(status)
        else:
            attempt.signal = os.WTERMSIG(status)
        return attempt

    def _serve(self, control: socket.socket, attempt: Attempt) -> None:
        self.asked = set()
        for place in [*self.answers, *self.questions]:
            if place in self.questions:
                self._take(place)  # a claim takes what is answered
        finished = {place for place, (kind, *_) in self.memory.items() if kind in ("value", "error")}
        items = [[place, *item] for place, item in self.memory.items() if not self._is_below(item[2], finished)]
        pages = [items[i : i + 3000] for i in range(0, len(items), 3000)] or [[]]
        for frame in (self.start, *({"t": "memory", "items": page} for page in pages), {"t": "go"}):
            control.sendall(json.dumps(frame).encode() + b"\n")
        self._control = control
        expected = 1
        replies: list[bytes] = []
        with contextlib.closing(self._lines(control, replies)) as lines:
            try:
                for line in lines:
                    frame = json.loads(line)
                    attempt.frames.append(frame)
                    assert frame["id"] == expected, "ids rise from 1"
                    expected += 1
                    reply = self.on_frame(frame) if self.on_frame else None
                    if reply is None:
                        reply = getattr(self, f"_{frame['t']}")(frame)
                    self.groups += frame["t"] in ("commit", "ask", "pause")
                    if self.cut_after is not None and self.groups >= self.cut_after:
                        self.cut_after = None
                        return
                    if reply == b"":
                        return
                    replies.append(reply if isinstance(reply, bytes) else json.dumps(reply).encode() + b"\n")
            except (ConnectionResetError, BrokenPipeError):
                pass
            finally:
                self._control = None

    def _lines(self, control: socket.socket, replies: list[bytes]) -> Iterator[bytes]:
        """What the play sends; what it is to get is sent before anybody waits for more."""
        buffer = b""
        while True:
            while b"\n" in buffer:
                line, _, buffer = buffer.partition(b"\n")
                yield line
            if replies and not (self.together and select.select([control], [], [], self.together)[0]):
                control.sendall(b"".join(replies))
                replies.clear()
            data = control.recv(1 << 20)
            if not data:
                return
            buffer += data

    def _commit(self, frame: dict[str, Any]) -> dict[str, Any]:
        for step in frame["steps"]:
            known = self.memory.get(step["place"])
            assert known is None or known[0] == "begun", "I3: a committed step never runs again"
            self.memory.pop(step["place"], None)  # what began is ordered by its outcome
            self.memory[step["place"]] = (
                step["kind"],
                step["outcome"],
                step["parent_place"],
                step["name"],
                step["role"],
            )
            self.parents[step["place"]] = step["parent_place"]
            self.commits.append(step)
        return {"t": "done", "id": frame["id"]}

    def _pause(self, frame: dict[str, Any]) -> dict[str, Any]:
        answers = [] if frame["replay"] else self._taken(frame)
        if answers:
            return {"t": "answers", "id": frame["id"], "answers": answers, "more": False}
        return {"t": "suspended", "id": frame["id"]}

    def _ask(self, frame: dict[str, Any]) -> dict[str, Any]:
        return {"t": "answers", "id": frame["id"], "answers": self._taken(frame), "more": False}

    def _taken(self, frame: dict[str, Any]) -> list[dict[str, str]]:
        for place in frame["withdrawn"]:
            self.questions.pop(place, None)
            self.withdrawn.append(place)
        for question in frame["questions"]:
            place, timeout_ms = question["place"], question["timeout_ms"]
            self.parents[place] = question["parent_place"]
            self.asked.add(place)
            question["ends"] = float("inf") if timeout_ms is None else time.monotonic() + timeout_ms / 1000
            self.questions.setdefault(place, question)
        open_places = [*self.answers, *(place for place in self.questions if place not in self.answers)]
        answers = (self._take(place) for place in open_places if place in self.asked and place in self.questions)
        return [answer for answer in answers if answer is not None]

    def _is_below(self, parent: str, finished: set[str]) -> bool:
        while parent:
            if parent in finished:
                return True
            parent = self.parents.get(parent, "")
        return False

    def _spawn(self, frame: dict[str, Any]) -> dict[str, Any]:
        if frame["workflow_name"] not in self.children:
            return {"t": "refused", "id": frame["id"], "code": "NOT_FOUND", "message": "There is no such workflow."}
        if frame["place"] not in self.spawned:
            self.spawned[frame["place"]] = f"child-{len(self.spawned) + 1}"
            end = self.children[frame["workflow_name"]]
            if end is not Ellipsis:
                outcome = end(**json.loads(frame["input"])) if callable(end) else end
                self.ended_children[frame["place"]] = [outcome]
        return {"t": "spawned", "id": frame["id"], "child_play_sid": self.spawned[frame["place"]]}

    def _resolve(self, frame: dict[str, Any]) -> dict[str, Any]:
        found = self.library.get(frame["workflow_name"])
        if found is None:
            return {"t": "refused", "id": frame["id"], "code": "NOT_FOUND", "message": "There is no such workflow."}
        self.resolved.append(frame["workflow_name"])
        return {
            "t": "resolved", "id": frame["id"], "workflow_name": frame["workflow_name"], "workflow_sid": "w",
            "version_sid": "v1", "version_number": 1, "source": found, "entry": "main",
        }  # fmt: skip

    def _call(self, frame: dict[str, Any]) -> dict[str, Any]:
        method = self.methods.get(frame["method"])
        if method is None:
            return {"t": "refused", "id": frame["id"], "code": "FORBIDDEN", "message": "This play may not."}
        return {"t": "result", "id": frame["id"], "result": json.dumps(method(**json.loads(frame["params"])))}

    def _secret(self, frame: dict[str, Any]) -> dict[str, Any]:
        value = self.secrets.get(frame["name"])
        if value is None:
            return {"t": "refused", "id": frame["id"], "code": "NOT_FOUND", "message": "There is no such secret."}
        return {"t": "secret", "id": frame["id"], "value": value}

    def _broker(self, frame: dict[str, Any]) -> dict[str, Any]:
        if self.broker is None:
            return {"t": "refused", "id": frame["id"], "code": "NOT_FOUND", "message": "There is no language model."}
        return {"t": "broker", "id": frame["id"], **self.broker}

    def _end(self, frame: dict[str, Any]) -> dict[str, Any]:
        self.end = frame
        self.error = frame["error"]
        self.output = None if frame["output"] is None else json.loads(frame["output"])
        return {"t": "done", "id": frame["id"]}

    def _read_events(self, sock: socket.socket, attempt: Attempt) -> None:
        with sock.makefile("rb") as lines:
            for line in lines:
                attempt.raw.append(line)
                attempt.events.append(json.loads(line))
                if self.on_event:
                    self.on_event(attempt.events[-1])


TIMED_OUT = json.dumps(
    {"type": "PauseTimeout", "module": "hero_tracing", "message": "nobody answered", "data": None, "traceback": ""}
)


def child_failed(error: Exception) -> str:
    """As the registry writes it."""
    attributes = {"play_sid": "child-1", "status": "failed", "error_type": type(error).__name__}
    data = {"args": [str(error)], "attributes": attributes}
    return json.dumps(
        {"type": "ChildFailed", "module": "hero_tracing", "message": str(error), "data": data, "traceback": ""}
    )


def _be_the_play(control: socket.socket, telemetry: socket.socket) -> None:
    code = 99
    try:
        code = run_play(control, telemetry)
    except BaseException:
        import traceback

        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


@pytest.fixture
def play() -> Any:
    return FakeExecutor
