# Client of Hero Logic 0.1.0. Generated from its OpenRPC document (libs/contracts); do not edit:
# `npm run generate` in the repository, or `hero_logic client`, writes it anew. Licence: Apache-2.0.
"""Client of Hero Logic: a method per service method.

    client = HeroClient()                       # unix socket below HERO_HOME, no token needed
    client = HeroClient("http://127.0.0.1:9820", token_file="~/hero/var/admin.token")
    play = client.play_start(workflow_name="welcome")
    play = client.play_wait(play["sid"])

Shapes are TypedDicts: what is on the wire is the value.
"""

from __future__ import annotations

import http.client
import itertools
import json
import math
import os
import re
import select
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict, Union, cast

__all__ = [
    "DeclaredFlow",
    "FlowField",
    "Follow",
    "Forked",
    "ForkedStepsItem",
    "HeroClient",
    "HeroError",
    "HistoryState",
    "Inspection",
    "JsonObject",
    "LibraryHit",
    "LibraryHitWhyItem",
    "Log",
    "Ok",
    "Play",
    "PlayError",
    "PlayEvent",
    "PlayEventAnswered",
    "PlayEventAsked",
    "PlayEventAttemptStarted",
    "PlayEventChildStarted",
    "PlayEventDiverged",
    "PlayEventDropped",
    "PlayEventLog",
    "PlayEventPaused",
    "PlayEventSpanEnded",
    "PlayEventSpanStarted",
    "PlayEventSpanTagged",
    "PlayEventStatus",
    "PlayEventStepCommitted",
    "PlayEventsResult",
    "PlayHookResult",
    "PlayListResult",
    "PlayResumeResult",
    "PlaySpansResult",
    "PlayStatus",
    "PlayStepOutputsItem",
    "PlayWait",
    "ResumeRequest",
    "SandboxReport",
    "SearchState",
    "ServiceInfo",
    "SourceIssue",
    "Span",
    "SpanError",
    "SpanKind",
    "SpanLogsItem",
    "SpanStatus",
    "SystemStatus",
    "SystemStatusNats",
    "SystemStatusPostgres",
    "SystemStatusQueue",
    "ValueRef",
    "Workflow",
    "WorkflowListResult",
    "WorkflowVersion",
    "WorkflowVersionListResult",
    "WorkflowVersionPackagesItem",
]


class HeroError(Exception):
    """A call that failed.

    `code` is a stable word (NOT_FOUND, INVALID_PARAMS, TIMEOUT, UNAVAILABLE, ...), `retry` says whether the same call
    can succeed later, `issues` has every fault of the parameters as {"path", "message"}, `details` has facts for
    programs.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry: bool = False,
        issues: list[dict[str, str]] | None = None,
        details: dict[str, Any] | None = None,
        rpc_code: int = -32000,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry = retry
        self.issues = issues or []
        self.details = details or {}
        self.rpc_code = rpc_code

    def __str__(self) -> str:
        faults = "".join(f"\n  {issue['path']}: {issue['message']}" for issue in self.issues)
        return f"{self.code}: {self.message}{faults}"


_BATCH = 50
_WAIT_SLICE_MS = 30_000
_OUTAGE_SECONDS = 60.0
_SILENCE_SECONDS = 45.0


def _error_of(error: dict[str, Any]) -> HeroError:
    data = error.get("data") or {}
    return HeroError(
        data.get("code", "INTERNAL"),
        error.get("message", ""),
        retry=bool(data.get("retry")),
        issues=data.get("issues"),
        details=data.get("details"),
        rpc_code=error.get("code", -32603),
    )


def _refusal(status: int, body: bytes) -> HeroError:
    try:
        error = json.loads(body)["error"]
        if "data" in error:
            return _error_of(error)
        return HeroError(error["code"], error["message"], retry=bool(error.get("retry")))
    except (ValueError, KeyError, TypeError):
        return HeroError("UNAVAILABLE", f"The gateway answered with HTTP status {status}.", retry=status >= 500)


def _client_closed() -> HeroError:
    return HeroError("UNAVAILABLE", "This client was closed; make a new one.")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport:
    """Connections to one gateway, kept open between calls. Safe to use from several threads."""

    def __init__(self, address: str, token: str | None) -> None:
        self._idle: list[http.client.HTTPConnection] = []
        self._busy: set[http.client.HTTPConnection] = set()
        self.closed = False
        self._lock = threading.Lock()
        self._url = urllib.parse.urlsplit(address) if "://" in address else None
        self._socket = address
        self.headers = {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def open(self, timeout: float | None) -> http.client.HTTPConnection:
        return self._begin(self._new(timeout))

    def _new(self, timeout: float | None) -> http.client.HTTPConnection:
        if self._url is None:
            return _UnixConnection(self._socket, timeout)
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        return kind(self._url.netloc, timeout=timeout)

    def _begin(self, connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
        """Registers the connection until `end`, so that closing the transport ends its waits."""
        with self._lock:
            if not self.closed:
                self._busy.add(connection)
                return connection
        connection.close()
        raise _client_closed()

    def end(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._busy.discard(connection)

    def unreachable(self, error: Exception) -> HeroError:
        if self.closed:
            return _client_closed()
        return HeroError("UNAVAILABLE", f"The gateway is not reachable ({error!r}).", retry=True)

    def post(self, body: bytes, timeout: float | None) -> bytes:
        idle = self._take()
        connection = self._begin(idle) if idle else self.open(timeout)
        try:
            return self._exchange(connection, body, timeout)
        finally:
            self.end(connection)

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, timeout: float | None) -> bytes:
        try:
            connection.timeout = timeout
            if connection.sock:
                connection.sock.settimeout(timeout)
            connection.request("POST", "/rpc", body, self.headers)
            response = connection.getresponse()
            answer = response.read()
        except socket.timeout as error:
            connection.close()
            raise HeroError("TIMEOUT", f"No answer within {timeout} s.", retry=True) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self.unreachable(error) from error
        if response.status >= 300:
            connection.close()
            raise _refusal(response.status, answer)
        with self._lock:
            if not self.closed:
                self._idle.append(connection)
                return answer
        connection.close()
        return answer

    def _take(self) -> http.client.HTTPConnection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            # Data that is readable on an idle connection means that the other side has closed it.
            if connection.sock and not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()

    def close(self) -> None:
        with self._lock:
            self.closed = True
            idle, self._idle = self._idle, []
            sockets = [connection.sock for connection in self._busy]
        for connection in idle:
            connection.close()
        for sock in sockets:
            try:
                if sock:
                    sock.shutdown(socket.SHUT_RDWR)  # shutdown wakes the thread that reads; close alone would not
            except OSError:
                pass  # the connection has ended meanwhile


class _Client:
    """The base of the generated client: calls, batches, waits and server-sent events."""

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        token_file: str | None = None,
        timeout: float = 60.0,
        call: Callable[..., Any] | None = None,
    ) -> None:
        home = os.environ.get("HERO_HOME") or os.path.expanduser("~/hero")
        if token_file is not None:
            with open(os.path.expanduser(token_file), encoding="utf-8") as file:
                token = file.read().strip()
        self._transport = _Transport(address or f"{home}/var/sockets/hero_logic/rpc.sock", token)
        self._timeout = timeout
        self._via = call
        self._ids = itertools.count(1)

    def call(self, method: str, params: Mapping[str, Any] | None = None, *, timeout: float | None = None) -> Any:
        """Calls a method by its wire name; `timeout` in seconds, default: the client's own."""
        if self._via is not None:
            return self._called(method, dict(params or {}))
        request = self._request(method, params)
        reply = self._post(request, self._timeout if timeout is None else timeout)
        if not isinstance(reply, dict) or ("result" not in reply and "error" not in reply):
            raise HeroError("INTERNAL", "The gateway's answer is no JSON-RPC reply.")
        if "error" in reply:
            raise _error_of(reply["error"])
        return reply["result"]

    def _called(self, method: str, params: dict[str, Any]) -> Any:
        """By `flow.call`: an error of the flow that carries a code is that of the runtime."""
        assert self._via is not None
        try:
            return self._via(method, **params)
        except Exception as error:
            code = getattr(error, "code", None)
            if not isinstance(code, str):
                raise
            raise HeroError(code, str(error)) from error

    def batch(self, calls: Sequence[tuple[str, Mapping[str, Any]]], *, timeout: float | None = None) -> list[Any]:
        """Calls many methods, 50 in one request. Returns the results in order, with a HeroError for each call that failed."""
        results: list[Any] = []
        for start in range(0, len(calls), _BATCH):
            requests = [self._request(method, params) for method, params in calls[start : start + _BATCH]]
            replies = self._post(requests, self._timeout if timeout is None else timeout)
            if not isinstance(replies, list):
                raise _error_of(replies.get("error", {}))
            by_id = {reply["id"]: reply for reply in replies}
            for request in requests:
                reply = by_id.get(request["id"], {"error": {"code": -32603, "message": "No reply to this call."}})
                results.append(_error_of(reply["error"]) if "error" in reply else reply["result"])
        return results

    def close(self) -> None:
        """Closes the client and its connections: calls and streams that wait in other threads raise UNAVAILABLE."""
        self._transport.close()

    def _request(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": dict(params or {})}

    def _post(self, request: Any, timeout: float | None) -> Any:
        text = json.dumps(request, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        # UTF-8 cannot encode a lone surrogate: it is sent as an escape, and the runtime's error explains it.
        body = re.sub(r"[\ud800-\udfff]", lambda found: f"\\u{ord(found.group()):04x}", text).encode()
        return json.loads(self._transport.post(body, timeout))

    def _wait(self, method: str, params: dict[str, Any], limit: str) -> Any:
        """Waits in slices, so that a long wait survives proxies and a restart of the gateway."""
        wanted = int(params.get(limit) or 0)
        end = time.monotonic() + wanted / 1000 if wanted else math.inf
        outage: float | None = None
        while True:
            left = (end - time.monotonic()) * 1000
            slice_ms = max(1, int(min(left, _WAIT_SLICE_MS)))
            started = time.monotonic()
            try:
                result = self.call(method, {**params, limit: slice_ms}, timeout=slice_ms / 1000 + self._timeout)
            except HeroError as error:
                now = time.monotonic()
                outage = outage or now
                if self._transport.closed or error.code not in ("UNAVAILABLE", "TIMEOUT") or now >= end or now - outage > _OUTAGE_SECONDS:
                    raise
                time.sleep(0.25)
                continue
            outage = None
            # A reply before the end of its slice ends the wait.
            if (time.monotonic() - started) * 1000 < slice_ms or time.monotonic() >= end:
                return result

    def _whole(self, play_sid: str, value: Any) -> Any:
        if not isinstance(value, dict) or not {"$size", "$ref"} <= value.keys():
            return value
        return self.call("play_payload", {"play_sid": play_sid, "ref": value["$ref"]})

    def _with_whole(self, play: dict[str, Any], field: str) -> dict[str, Any]:
        play[field] = self._whole(play["sid"], play[field])
        return play

    def _follow(self, path: str, last: int | None) -> Iterator[tuple[str, Any]]:
        """Server-sent events as (event, data), until `end`. After a lost connection it continues where it stopped."""
        outage: float | None = None
        while True:
            try:
                for event, identifier, data in self._stream(path, last):
                    outage = None
                    last = identifier if identifier is not None else last
                    yield event, data
                    if event == "end":
                        return
            except HeroError as error:
                if not error.retry:
                    raise
                outage = outage or time.monotonic()
                if time.monotonic() - outage > _OUTAGE_SECONDS:
                    raise
            time.sleep(0.25)

    def _stream(self, path: str, last: int | None) -> Iterator[tuple[str, int | None, Any]]:
        connection = self._transport.open(_SILENCE_SECONDS)
        headers = {**self._transport.headers, "Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                raise _refusal(response.status, response.read())
            event, identifier, data = "message", None, []
            while line := response.readline():
                name, _, value = line.decode().rstrip("\r\n").partition(":")
                value = value.removeprefix(" ")
                if name == "event":
                    event = value
                elif name == "id":
                    identifier = int(value)
                elif name == "data":
                    data.append(value)
                elif name == "" and value == "" and data:
                    yield event, identifier, json.loads("\n".join(data))
                    event, identifier, data = "message", None, []
        except (OSError, http.client.HTTPException) as error:
            raise self._transport.unreachable(error) from error
        finally:
            self._transport.end(connection)
            connection.close()


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not _LEFT_OUT}


_LEFT_OUT: Any = cast(Any, object())


PlayStatus = Literal["pending", "running", "awaiting_resume", "success", "failed", "cancelled", "timed_out"]


ValueRef = TypedDict("ValueRef", {"$size": int, "$ref": str})


JsonObject = dict[str, Any]


class PlayError(TypedDict):
    # Class of the Python exception, or the runtime’s name for how the process ended.
    type: str
    message: str
    traceback: str
    span_id: str | None


class ResumeRequest(TypedDict):
    id: str
    play_sid: str
    name: str
    # JSON Schema of the answer; null accepts any JSON.
    schema: ValueRef | JsonObject | None
    # The form for a person: {kind, label, …}; null where no person is asked.
    ui: ValueRef | JsonObject | None
    asked_at_span_id: str
    asked_at: str
    expires_at: str | None
    payload: ValueRef | Any | None
    resumed_at: str | None
    # `interactive`, `prefill`, `early` or `timeout`.
    resumed_by: str | None


class PlayWait(TypedDict):
    kind: Literal["child", "timer"]
    name: str
    span_id: str
    child_play_sid: str | None
    due_at: str | None


class ForkedStepsItem(TypedDict):
    name: str
    kept: bool
    reason: str


class Forked(TypedDict):
    play_sid: str
    # The span before which it was forked; null: it inherited everything that was committed.
    span_id: str | None
    version_sid: str
    # Number of outcomes and answers that were kept.
    kept: int
    # Number of outcomes and answers that were not kept.
    left: int
    # The first 200 outcomes and answers, in the order of their commits, and why each was kept or not.
    steps: list[ForkedStepsItem]


class SandboxReport(TypedDict):
    level: Literal["off", "default", "strict"]
    enforced: list[str]
    missing: list[str]


SpanKind = Literal["flow_root", "step", "rpc", "subflow", "other"]


SpanStatus = Literal["running", "success", "failed", "replayed", "paused", "cancelled"]


class SpanLogsItem(TypedDict):
    at: str
    text: str
    attempt: int


class _SpanError(TypedDict):
    type: str
    message: str


class SpanError(_SpanError, total=False):
    traceback: str


class _Span(TypedDict):
    id: str
    parent_id: str | None
    play_sid: str
    name: str
    kind: SpanKind
    status: SpanStatus
    # The newest attempt that reported this span.
    attempt: int
    # Number of the event that first reported this span; siblings are shown in this order.
    first_seq: int
    # The attempt whose start, tags and logs are shown; null: no start was reported.
    started_in: int | None
    # The attempt whose end is shown; null: no end was reported.
    ended_in: int | None
    # The play did not report the end of this span; it was concluded from the status of the play.
    closed: bool
    started_at: str
    ended_at: str | None
    duration_ms: float | None
    tags: JsonObject
    logs: list[SpanLogsItem]
    error: SpanError | None
    source_file: str | None
    source_line: int | None
    cost_usd: float
    usage: JsonObject | None


class Span(_Span, total=False):
    step_key: str
    child_play_sid: str
    # A value of more than 64 KiB, or beyond 512 KiB of one reply, is a ValueRef.
    output: ValueRef | Any
    # The output is left out: it has more than 256 KiB or could not be read.
    output_omitted: Literal[True]


class PlayStepOutputsItem(TypedDict):
    step_key: str
    name: str
    kind: Literal["value", "error"]
    # A value of more than 64 KiB, or beyond 512 KiB of one reply, is a ValueRef.
    output: ValueRef | Any


class Log(TypedDict):
    at: str
    text: str
    span_id: str | None
    stream: Literal["log", "stdout", "stderr"]


class _Play(TypedDict):
    sid: str
    name: str
    workflow_sid: str
    workflow_name: str
    version_sid: str
    version_number: int
    # The workflow’s current version: differs from `version_sid` after a newer version was saved; null if the workflow
    # was deleted.
    current_version_sid: str | None
    status: PlayStatus
    # A value of more than 64 KiB, or beyond 512 KiB of one reply, is a ValueRef.
    input_data: ValueRef | JsonObject
    output_data: ValueRef | Any | None
    error: PlayError | None
    # The oldest 500 open questions (20 in lists); play_pending_resumes returns all of them in pages.
    pending_resumes: list[ResumeRequest]
    # Answers by id of the question; the newest 500 (20 in lists).
    received_resumes: dict[str, ValueRef | Any]
    prefill_only: bool
    total_cost_usd: float
    attempt: int
    # Open waits for children and timers; the oldest 500 (20 in lists).
    waits: list[PlayWait]
    forked_from: Forked | None
    # The first difference from what was remembered; null: none.
    diverged: JsonObject | None
    parent_play_sid: str | None
    parent_span_id: str | None
    sandbox: SandboxReport | None
    created_at: str
    started_at: str | None
    completed_at: str | None
    # From the start to the end (or now), waits included, in milliseconds.
    duration_ms: float | None


class Play(_Play, total=False):
    spans: list[Span]
    step_outputs: list[PlayStepOutputsItem]
    logs: list[Log]


class PlayEventSpanStarted(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["span_started"]
    at: str
    span_id: str
    parent_id: str | None
    name: str
    kind: SpanKind
    place: str
    tags: JsonObject
    source_file: str | None
    source_line: int | None


class _PlayEventSpanEnded(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["span_ended"]
    at: str
    span_id: str
    status: Literal["success", "failed", "replayed", "paused", "cancelled"]
    # Null for a replayed span, which keeps its times.
    duration_ms: float | None


class PlayEventSpanEnded(_PlayEventSpanEnded, total=False):
    # A value of more than 64 KiB, or beyond 512 KiB of one reply, is a ValueRef.
    output: ValueRef | Any
    # The output is left out: it has more than 256 KiB or could not be read.
    output_omitted: Literal[True]
    error: SpanError
    cost_usd: float
    usage: JsonObject
    step_key: str
    child_play_sid: str


class PlayEventSpanTagged(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["span_tagged"]
    at: str
    span_id: str
    tags: JsonObject


class PlayEventLog(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["log"]
    at: str
    span_id: str | None
    text: str
    stream: Literal["log", "stdout", "stderr"]


class PlayEventDropped(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["dropped"]
    at: str
    count: int
    reason: str


class PlayEventAttemptStarted(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["attempt_started"]
    at: str
    executor: str
    sandbox: JsonObject


class PlayEventStepCommitted(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["step_committed"]
    at: str
    span_id: str
    step_key: str


class PlayEventPaused(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["paused"]
    at: str
    resume_ids: list[str]


class PlayEventAsked(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["asked"]
    at: str
    resume_ids: list[str]


class PlayEventAnswered(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["answered"]
    at: str
    resume_id: str
    resumed_by: str


class PlayEventChildStarted(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["child_started"]
    at: str
    span_id: str
    child_play_sid: str


class PlayEventDiverged(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["diverged"]
    at: str
    difference: JsonObject


class PlayEventStatus(TypedDict):
    play_sid: str
    seq: int
    attempt: int
    type: Literal["status"]
    at: str
    status: str


PlayEvent = Union[
    PlayEventSpanStarted,
    PlayEventSpanEnded,
    PlayEventSpanTagged,
    PlayEventLog,
    PlayEventDropped,
    PlayEventAttemptStarted,
    PlayEventStepCommitted,
    PlayEventPaused,
    PlayEventAsked,
    PlayEventAnswered,
    PlayEventChildStarted,
    PlayEventDiverged,
    PlayEventStatus,
]


class _FlowField(TypedDict):
    name: str
    field_type: Literal["string", "integer", "number", "boolean", "object", "array", "any"]
    required: bool


class FlowField(_FlowField, total=False):
    default: Any
    description: str
    enum: list[Any]
    # JSON Schema that the value must also satisfy.
    schema: JsonObject


class LibraryHitWhyItem(TypedDict):
    field: str
    words: list[str]


class LibraryHit(TypedDict):
    workflow_sid: str
    version_sid: str
    name: str
    description: str
    inputs: list[FlowField]
    outputs: list[FlowField]
    tags: list[str]
    score: float
    # The fields in which words of the query were found.
    matched: list[str]
    # Fields with the words that matched there; field `meaning`, without words: the meaning is close.
    why: list[LibraryHitWhyItem]
    # Little of the query was found: this is probably not what was asked for.
    weak: bool
    # words: by words alone; hybrid: by words and by meaning (an embedding model).
    mode: Literal["words", "hybrid"]
    # Why the search has this mode.
    mode_reason: str


class Workflow(TypedDict):
    sid: str
    name: str
    description: str
    tags: list[str]
    # Inputs of the current version.
    inputs: list[FlowField]
    # Outputs of the current version.
    outputs: list[FlowField]
    current_version_sid: str
    current_version_number: int
    created_at: str
    updated_at: str


class WorkflowVersionPackagesItem(TypedDict):
    # For example `cpython-3.11-linux-x86_64`.
    target: str
    # Every package that is installed, as `name==version`; null: not resolved.
    resolved: list[str] | None
    resolved_at: str | None
    # Why they could not be installed the last time that this was tried.
    error: str | None


class WorkflowVersion(TypedDict):
    sid: str
    workflow_sid: str
    number: int
    python_source: str
    # Name of the Python function that a play calls.
    entry: str
    inputs: list[FlowField]
    outputs: list[FlowField]
    requirements: list[str]
    # By target; empty until a play first needs them.
    packages: list[WorkflowVersionPackagesItem]
    source_sha256: str
    notes: str
    created_at: str


class Ok(TypedDict):
    ok: Literal[True]


class _DeclaredFlow(TypedDict):
    name: str
    function: str
    line: int
    is_async: bool
    # Hash of the function’s source text: a fork keeps the steps of functions that did not change.
    source_sha256: str


class DeclaredFlow(_DeclaredFlow, total=False):
    # The beginning of the function’s docstring.
    docstring: str


class SourceIssue(TypedDict):
    line: int
    column: int
    message: str
    severity: Literal["error", "warning"]


class Inspection(TypedDict):
    entry: str | None
    name: str
    description: str
    tags: list[str]
    inputs: list[FlowField]
    outputs: list[FlowField]
    flows: list[DeclaredFlow]
    requirements: list[str]
    options: JsonObject
    issues: list[SourceIssue]


class WorkflowListResult(TypedDict):
    items: list[Workflow]
    next_cursor: str | None


class WorkflowVersionListResult(TypedDict):
    items: list[WorkflowVersion]
    next_cursor: str | None


class PlayHookResult(TypedDict):
    token: str
    path: str
    expires_at: str


class PlayListResult(TypedDict):
    items: list[Play]
    next_cursor: str | None


class PlayResumeResult(TypedDict):
    ok: Literal[True]
    resumed_at: str
    # The play has not asked this question yet; the answer is kept for it.
    kept: bool


class PlayEventsResult(TypedDict):
    items: list[PlayEvent]
    seq: int


class HistoryState(TypedDict):
    attempt: int
    # The final status of the play, or null.
    final: str | None
    final_at: str | None


class PlaySpansResult(TypedDict):
    spans: list[Span]
    # The newest event that these spans reflect.
    seq: int
    state: HistoryState


class SearchState(TypedDict):
    # words: by words alone; hybrid: by words and by meaning (an embedding model).
    mode: Literal["words", "hybrid"]
    # Why the search has this mode.
    reason: str
    # Flows in the index.
    flows: int
    # Flows whose meaning is known.
    embedded: int


class _ServiceInfo(TypedDict):
    name: str
    instance: str
    host: str
    pid: int
    version: str
    build_nr: str
    started_at: str
    healthy: bool


class ServiceInfo(_ServiceInfo, total=False):
    slots: int
    busy: int
    # Only of library-search.
    search: SearchState
    # Only of executors: the level that is really enforced on their plays.
    sandbox: str


class _SystemStatusNats(TypedDict):
    url: str
    version: str
    embedded: bool


class SystemStatusNats(_SystemStatusNats, total=False):
    pid: int


class _SystemStatusPostgres(TypedDict):
    # Null: the registry does not answer.
    version: str | None
    embedded: bool


class SystemStatusPostgres(_SystemStatusPostgres, total=False):
    pid: int


class SystemStatusQueue(TypedDict):
    pending: int
    running: int
    awaiting_resume: int


class SystemStatus(TypedDict):
    services: list[ServiceInfo]
    nats: SystemStatusNats
    postgres: SystemStatusPostgres
    # The weakest level that an executor really enforces; without executors, the setting.
    sandbox: str
    # How the library is searched. Null: library-search does not answer.
    search: SearchState | None
    # Plays by state. Null: the registry does not answer.
    queue: SystemStatusQueue | None


class FollowSnapshot(TypedDict):
    kind: Literal["snapshot", "resync"]
    play: Play
    spans: list[Span]
    seq: int
    state: HistoryState


class FollowEvent(TypedDict):
    kind: Literal["event"]
    event: PlayEvent


class FollowEnd(TypedDict):
    kind: Literal["end"]
    play: Play


Follow = Union[FollowSnapshot, FollowEvent, FollowEnd]


class HeroClient(_Client):
    """A gateway of Hero Logic 0.1.0, over its unix socket or HTTP.

    `address`: path of a unix socket (default: below HERO_HOME) or `http://host:port`, which needs a token. `timeout`:
    seconds for a call. `call`: in a play, `HeroClient(call=flow.call)` calls what the play's grant allows, and each call is
    remembered; `batch`, `follow` and long waits need an address. Every method raises HeroError; it names the codes that say more than TIMEOUT and UNAVAILABLE.
    """

    def __enter__(self) -> HeroClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def flow_library_search(
        self, query: str, *, limit: int = _LEFT_OUT, tags: list[str] = _LEFT_OUT
    ) -> list[LibraryHit]:
        """Searches the library, best match first. An empty query returns nothing.

        Each hit says why it matched, and `weak` marks those that are probably not meant.

        Args:
            tags: Only workflows that have all of these tags.

        Returns list[LibraryHit]. Raises HeroError: INVALID_PARAMS.
        """
        params = _given(query=query, limit=limit, tags=tags)
        return cast("list[LibraryHit]", self.call("flow_library_search", params))

    def workflow_create(
        self,
        name: str,
        python_source: str,
        *,
        description: str = _LEFT_OUT,
        tags: list[str] = _LEFT_OUT,
        notes: str = _LEFT_OUT,
    ) -> Workflow:
        """Saves a source as a new workflow; its first version is current.

        The source is parsed, never run. Faults come back with line and column in `data.issues`.

        Args:
            python_source: Python source with an `@flow` function.
            description: Default: what the entry flow declares.
            tags: Default: what the entry flow declares.
            notes: Notes of the first version.

        Returns Workflow. Raises HeroError: CONFLICT, SOURCE_INVALID, INVALID_PARAMS.
        """
        params = _given(name=name, python_source=python_source, description=description, tags=tags, notes=notes)
        return cast("Workflow", self.call("workflow_create", params))

    def workflow_create_version(
        self, workflow_sid: str, python_source: str, *, notes: str = _LEFT_OUT, set_current: bool = _LEFT_OUT
    ) -> WorkflowVersion:
        """Saves a source as the next version of a workflow.

        If the source is that of the current version, that version is returned and no new one is added.

        Args:
            python_source: Python source with an `@flow` function.

        Returns WorkflowVersion. Raises HeroError: NOT_FOUND, SOURCE_INVALID, INVALID_PARAMS.
        """
        params = _given(workflow_sid=workflow_sid, python_source=python_source, notes=notes, set_current=set_current)
        return cast("WorkflowVersion", self.call("workflow_create_version", params))

    def workflow_delete(self, workflow_sid: str, *, force: bool = _LEFT_OUT) -> Ok:
        """Deletes a workflow with its versions and plays.

        Refused with INVALID_STATE while a play of it is not final; `force` cancels those plays first.

        Returns Ok. Raises HeroError: NOT_FOUND, INVALID_STATE, INVALID_PARAMS.
        """
        params = _given(workflow_sid=workflow_sid, force=force)
        return cast("Ok", self.call("workflow_delete", params))

    def workflow_get(self, *, workflow_sid: str = _LEFT_OUT, name: str = _LEFT_OUT) -> Workflow:
        """One workflow, by sid or by name.

        Returns Workflow. Raises HeroError: NOT_FOUND, INVALID_PARAMS.
        """
        params = _given(workflow_sid=workflow_sid, name=name)
        return cast("Workflow", self.call("workflow_get", params))

    def workflow_inspect(self, python_source: str) -> Inspection:
        """Reads the `@flow` declarations of a source by parsing, without saving or running it.

        Args:
            python_source: Python source with an `@flow` function.

        Returns Inspection. Raises HeroError: INVALID_PARAMS.
        """
        params = _given(python_source=python_source)
        return cast("Inspection", self.call("workflow_inspect", params))

    def workflow_list(
        self, *, tag: str = _LEFT_OUT, limit: int = _LEFT_OUT, cursor: str = _LEFT_OUT
    ) -> WorkflowListResult:
        """Lists workflows, the most recently changed first.

        Args:
            limit: Page size, 1 to 500.
            cursor: `next_cursor` of the page before.

        Returns WorkflowListResult. Raises HeroError: INVALID_PARAMS.
        """
        params = _given(tag=tag, limit=limit, cursor=cursor)
        return cast("WorkflowListResult", self.call("workflow_list", params))

    def workflow_set_current_version(self, workflow_sid: str, version_sid: str) -> Workflow:
        """Makes a version the current one, which new plays run. Existing plays keep their version.

        Returns Workflow. Raises HeroError: NOT_FOUND, INVALID_PARAMS.
        """
        params = _given(workflow_sid=workflow_sid, version_sid=version_sid)
        return cast("Workflow", self.call("workflow_set_current_version", params))

    def workflow_update(
        self, workflow_sid: str, *, name: str = _LEFT_OUT, description: str = _LEFT_OUT, tags: list[str] = _LEFT_OUT
    ) -> Workflow:
        """Changes name, description or tags of a workflow.

        Returns Workflow. Raises HeroError: NOT_FOUND, CONFLICT, INVALID_PARAMS.
        """
        params = _given(workflow_sid=workflow_sid, name=name, description=description, tags=tags)
        return cast("Workflow", self.call("workflow_update", params))

    def workflow_version_fetch(self, version_sid: str) -> WorkflowVersion:
        """One version with its source.

        Returns WorkflowVersion. Raises HeroError: NOT_FOUND, INVALID_PARAMS.
        """
        params = _given(version_sid=version_sid)
        return cast("WorkflowVersion", self.call("workflow_version_fetch", params))

    def workflow_version_list(
        self, workflow_sid: str, *, limit: int = _LEFT_OUT, cursor: str = _LEFT_OUT
    ) -> WorkflowVersionListResult:
        """Versions of a workflow, newest first.

        Args:
            limit: Page size, 1 to 500.
            cursor: `next_cursor` of the page before.

        Returns WorkflowVersionListResult. Raises HeroError: NOT_FOUND, INVALID_PARAMS.
        """
        params = _given(workflow_sid=workflow_sid, limit=limit, cursor=cursor)
        return cast("WorkflowVersionListResult", self.call("workflow_version_list", params))

    def play_cancel(self, play_sid: str, *, reason: str = _LEFT_OUT) -> Play:
        """Cancels a play in any state that is not final, with its spawned children.

        Returns Play. Raises HeroError: NOT_FOUND, INVALID_STATE, INVALID_PARAMS.
        """
        params = _given(play_sid=play_sid, reason=reason)
        return cast("Play", self.call("play_cancel", params))

    def play_delete(self, play_sid: str) -> Ok:
        """Deletes a final play with its spans.

        Returns Ok. Raises HeroError: NOT_FOUND, INVALID_STATE, INVALID_PARAMS.
        """
        params = _given(play_sid=play_sid)
        return cast("Ok", self.call("play_delete", params))

    def play_fork(
        self,
        play_sid: str,
        *,
        from_span_id: str = _LEFT_OUT,
        input_data: JsonObject = _LEFT_OUT,
        version_sid: str = _LEFT_OUT,
    ) -> Play:
        """Starts a new play that inherits what another one had committed before a step.

        Without `from_span_id` the new play inherits everything that was committed; with the root span it inherits
        nothing and starts from the beginning. On another version it keeps only the outcomes of functions whose source
        did not change; `forked_from` of the new play says what was kept, what was not, and why.

        Args:
            input_data: Default: the input of the other play.
            version_sid: Default: the version of the other play.

        Returns Play. Raises HeroError: NOT_FOUND, INVALID_PARAMS, INVALID_STATE.
        """
        params = _given(play_sid=play_sid, from_span_id=from_span_id, input_data=input_data, version_sid=version_sid)
        return cast("Play", self.call("play_fork", params))

    def play_hook(
        self,
        play_sid: str,
        resume_id: str,
        *,
        name: str = _LEFT_OUT,
        parent_place: str = _LEFT_OUT,
        expires_in_ms: int = _LEFT_OUT,
    ) -> PlayHookResult:
        """Makes a signed link that answers one question, once, and gives no other right.

        If the play has not asked the question yet, the answer is kept for it. `path` is `/hooks/resume/<token>` at the
        gateway; the body of the POST is the answer, at most 1 MiB unless the question’s schema sets a higher bound. A
        link that is unknown, expired or used, and an answer that does not fit, get the same 404.

        Args:
            name: The pause that the link is for. If the call that made the link has finished and no pause will have its
                id, the link is for the next pause of this name.
            parent_place: Place of the call that makes the link.
            expires_in_ms: How long the link is valid, in milliseconds; at most 366 days.

        Returns PlayHookResult. Raises HeroError: NOT_FOUND, INVALID_STATE, INVALID_PARAMS.
        """
        params = _given(
            play_sid=play_sid, resume_id=resume_id, name=name, parent_place=parent_place, expires_in_ms=expires_in_ms
        )
        return cast("PlayHookResult", self.call("play_hook", params))

    def play_list(
        self,
        *,
        workflow_sid: str = _LEFT_OUT,
        version_sid: str = _LEFT_OUT,
        status: PlayStatus | list[PlayStatus] = _LEFT_OUT,
        parent_play_sid: str = _LEFT_OUT,
        text: str = _LEFT_OUT,
        input: JsonObject = _LEFT_OUT,
        since: str = _LEFT_OUT,
        until: str = _LEFT_OUT,
        limit: int = _LEFT_OUT,
        cursor: str = _LEFT_OUT,
    ) -> PlayListResult:
        """Plays, newest first.

        Args:
            text: Part of the name, the workflow name or the error; case is ignored.
            input: An object that the input must contain.
            limit: Page size, 1 to 500.
            cursor: `next_cursor` of the page before.

        Returns PlayListResult. Raises HeroError: INVALID_PARAMS.
        """
        params = _given(
            workflow_sid=workflow_sid,
            version_sid=version_sid,
            status=status,
            parent_play_sid=parent_play_sid,
            text=text,
            input=input,
            since=since,
            until=until,
            limit=limit,
            cursor=cursor,
        )
        return cast("PlayListResult", self.call("play_list", params))

    def play_payload(self, play_sid: str, ref: str) -> Any:
        """Fetches a large value for which a reply or an event has {"$size", "$ref"}.

        The value has at most 16 MiB. `output` and `input` are references of every play; all others are taken from a
        reply. A reference to a value that has changed returns its present state.

        Args:
            ref: `$ref`, unchanged.

        Returns Any. Raises HeroError: NOT_FOUND, INVALID_PARAMS.
        """
        params = _given(play_sid=play_sid, ref=ref)
        return cast("Any", self.call("play_payload", params))

    def play_pending_resumes(
        self, *, play_sid: str = _LEFT_OUT, limit: int = _LEFT_OUT, after: str = _LEFT_OUT
    ) -> list[ResumeRequest]:
        """Open questions of one play, or of all plays; oldest first.

        Args:
            after: Returns only questions that were asked after this one; pass the last of the page before.

        Returns list[ResumeRequest]. Raises HeroError: NOT_FOUND, INVALID_PARAMS.
        """
        params = _given(play_sid=play_sid, limit=limit, after=after)
        return cast("list[ResumeRequest]", self.call("play_pending_resumes", params))

    def play_resume(
        self, play_sid: str, payload: Any, *, resume_id: str = _LEFT_OUT, name: str = _LEFT_OUT
    ) -> PlayResumeResult:
        """Answers a question of a play, by its id or its name.

        The answer is checked against the question’s schema before the play wakes: faults are INVALID_PARAMS with issues
        under `payload`. By name the oldest open question is answered; if none is open and one was answered,
        ALREADY_RESUMED with `details.resumed_at`; else the answer is kept until the play asks that question.

        Returns PlayResumeResult. Raises HeroError: NOT_FOUND, INVALID_PARAMS, INVALID_STATE, ALREADY_RESUMED.
        """
        params = _given(play_sid=play_sid, payload=payload, resume_id=resume_id, name=name)
        return cast("PlayResumeResult", self.call("play_resume", params))

    def play_retry(self, play_sid: str) -> Play:
        """Runs a failed or timed out play again: remembered values stay, the errors it ended with are dropped.

        Returns Play. Raises HeroError: NOT_FOUND, INVALID_STATE, INVALID_PARAMS.
        """
        params = _given(play_sid=play_sid)
        return cast("Play", self.call("play_retry", params))

    def play_run_async(
        self,
        *,
        workflow_sid: str = _LEFT_OUT,
        workflow_name: str = _LEFT_OUT,
        input_data: JsonObject = _LEFT_OUT,
        name: str = _LEFT_OUT,
        version_sid: str = _LEFT_OUT,
        prefill_resumes: JsonObject = _LEFT_OUT,
        idempotency_key: str = _LEFT_OUT,
        timeout_ms: int = _LEFT_OUT,
        parent_span_id: str = _LEFT_OUT,
        parent_play_sid: str = _LEFT_OUT,
    ) -> str:
        """Starts a play like play_start and returns only its sid.

        Args:
            input_data: Default: {}.
            name: Default: the workflow’s name.
            version_sid: Default: the current version.
            prefill_resumes: Answers by question name or glob; a list is a sequence of answers. An exact name goes
                before a glob.
            idempotency_key: The same key returns the same play.
            timeout_ms: Limit of the play’s own running time, waits excluded.

        Returns str. Raises HeroError: NOT_FOUND, INVALID_PARAMS, CONFLICT.
        """
        params = _given(
            workflow_sid=workflow_sid,
            workflow_name=workflow_name,
            input_data=input_data,
            name=name,
            version_sid=version_sid,
            prefill_resumes=prefill_resumes,
            idempotency_key=idempotency_key,
            timeout_ms=timeout_ms,
            parent_span_id=parent_span_id,
            parent_play_sid=parent_play_sid,
        )
        return cast("str", self.call("play_run_async", params))

    def play_start(
        self,
        *,
        workflow_sid: str = _LEFT_OUT,
        workflow_name: str = _LEFT_OUT,
        input_data: JsonObject = _LEFT_OUT,
        name: str = _LEFT_OUT,
        version_sid: str = _LEFT_OUT,
        prefill_resumes: JsonObject = _LEFT_OUT,
        idempotency_key: str = _LEFT_OUT,
        timeout_ms: int = _LEFT_OUT,
    ) -> Play:
        """Starts a play of a workflow and returns it as `pending`.

        Inputs are checked against the version’s declaration: every fault at once in `data.issues`.

        Args:
            input_data: Default: {}.
            name: Default: the workflow’s name.
            version_sid: Default: the current version.
            prefill_resumes: Answers by question name or glob; a list is a sequence of answers. An exact name goes
                before a glob.
            idempotency_key: The same key returns the same play.
            timeout_ms: Limit of the play’s own running time, waits excluded.

        Returns Play. Raises HeroError: NOT_FOUND, INVALID_PARAMS, CONFLICT.
        """
        params = _given(
            workflow_sid=workflow_sid,
            workflow_name=workflow_name,
            input_data=input_data,
            name=name,
            version_sid=version_sid,
            prefill_resumes=prefill_resumes,
            idempotency_key=idempotency_key,
            timeout_ms=timeout_ms,
        )
        return cast("Play", self.call("play_start", params))

    def play_status(
        self, play_sid: str, *, include: list[Literal["spans", "step_outputs", "logs"]] = _LEFT_OUT
    ) -> Play:
        """A play as it is now.

        `output_data` is the full value, however large; `whole` fetches other values that the reply only refers to.

        Args:
            include: `spans` and `logs` are joined from span-ingest by the gateway.

        Returns Play. Raises HeroError: NOT_FOUND, INVALID_PARAMS.
        """
        params = _given(play_sid=play_sid, include=include)
        return cast("Play", self._with_whole(self.call("play_status", params), "output_data"))

    def play_wait(
        self, play_sid: str, *, timeout_ms: int = _LEFT_OUT, until: Literal["final", "settled"] = _LEFT_OUT
    ) -> Play:
        """Waits until a play is final (or settled) and returns it; at the limit, returns it as it then is.

        `settled` also returns when a question of the play is open, but not when it waits for children or timers.
        `timeout_ms` 0 means no limit. An event ends the wait; nothing is polled.

        `output_data` is the full value, however large; `whole` fetches other values that the reply only refers to.

        Returns Play. Raises HeroError: NOT_FOUND, INVALID_PARAMS.
        """
        params = _given(play_sid=play_sid, timeout_ms=timeout_ms, until=until)
        return cast("Play", self._with_whole(self._wait("play_wait", params, "timeout_ms"), "output_data"))

    def play_events(
        self, play_sid: str, *, after_seq: int = _LEFT_OUT, limit: int = _LEFT_OUT, max_bytes: int = _LEFT_OUT
    ) -> PlayEventsResult:
        """The numbered history of a play, oldest first.

        Args:
            after_seq: Only what changed after this number.
            max_bytes: Approximate limit of the bytes of events in a page; a page has at least one batch.

        Returns PlayEventsResult. Raises HeroError: NOT_FOUND, INVALID_PARAMS.
        """
        params = _given(play_sid=play_sid, after_seq=after_seq, limit=limit, max_bytes=max_bytes)
        return cast("PlayEventsResult", self.call("play_events", params))

    def play_spans(self, play_sid: str, *, after_seq: int = _LEFT_OUT, limit: int = _LEFT_OUT) -> PlaySpansResult:
        """The span tree of a play, parents before children.

        Args:
            after_seq: Only what changed after this number.

        Returns PlaySpansResult. Raises HeroError: NOT_FOUND, INVALID_PARAMS.
        """
        params = _given(play_sid=play_sid, after_seq=after_seq, limit=limit)
        return cast("PlaySpansResult", self.call("play_spans", params))

    def span_push(self, play_sid: str, event: JsonObject) -> bool:
        """Adds an event of an outside worker to a running play.

        A malformed event is refused with all its faults. The result is true once the event is stored, false if the play
        has ended.

        Returns bool. Raises HeroError: NOT_FOUND, INVALID_PARAMS.
        """
        params = _given(play_sid=play_sid, event=event)
        return cast("bool", self.call("span_push", params))

    def rpc_discover(self) -> JsonObject:
        """The OpenRPC document of this gateway.

        Returns JsonObject. Raises HeroError: INVALID_PARAMS.
        """
        return cast("JsonObject", self.call("rpc.discover"))

    def system_status(self) -> SystemStatus:
        """Services, executors and their slots, NATS, PostgreSQL, sandbox level and queue.

        Returns SystemStatus. Raises HeroError: INVALID_PARAMS.
        """
        return cast("SystemStatus", self.call("system_status"))

    def whole(self, play_sid: str, value: Any) -> Any:
        """The full value of a play or a span: fetched if the reply has {"$size", "$ref"} in its place."""
        return self._whole(play_sid, value)

    def follow(self, play_sid: str, *, after_seq: int | None = None) -> Iterator[Follow]:
        """Follows a play live, until it is final.

        First comes {"kind": "snapshot", "play", "spans", "seq", "state"} (again as "resync" where this reader was too slow), then
        {"kind": "event", "event"} for each event, without a gap or a double also when the connection is lost in between,
        then {"kind": "end", "play"}. With `after_seq` there is no snapshot: the events after that number come first.
        """
        path = f"/api/plays/{urllib.parse.quote(play_sid, safe='')}/spans"
        # A large snapshot comes in pages before it. Of a span in several pages the last version counts.
        spans: dict[str, Span] = {}
        for kind, data in self._follow(path, after_seq):
            if kind == "event":
                yield {"kind": "event", "event": data}
            elif kind == "page":
                spans.update((span["id"], span) for span in data["spans"])
            elif kind in ("snapshot", "resync"):
                spans.update((span["id"], span) for span in data["spans"])
                data["spans"] = sorted(spans.values(), key=lambda span: span["first_seq"])
                spans = {}
                yield cast(Follow, {"kind": kind, **data})
            elif kind == "end":
                yield cast(Follow, {"kind": kind, **data})
