"""The scripted broker: what it answers, what it refuses, and that it says what it is."""

from __future__ import annotations

import http.client
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hero_tracing import OptionError
from hero_tracing.testing import ScriptedBroker
from hero_tracing.testing.script import Script

ROOT = Path(__file__).parents[1]


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def events(self) -> list[Any]:
        lines = [line.removeprefix("data: ") for line in self.text.split("\n\n") if line]
        assert lines[-1] == "[DONE]"
        return [json.loads(line) for line in lines[:-1]]


def send(broker: ScriptedBroker, path: str, body: Any = None, method: str = "", **headers: str) -> Answer:
    host, _, port = broker.url.removeprefix("http://").removesuffix("/v1").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        text = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method or ("GET" if body is None else "POST"), path, text, headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def ask(broker: ScriptedBroker, text: str, **more: Any) -> Answer:
    return send(broker, "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": text}], **more})


def test_it_says_what_it_is_in_its_replies_and_its_log() -> None:
    log = io.StringIO()
    with ScriptedBroker({"replies": [{"name": "greeting", "content": "Hello."}]}, log=log) as broker:
        answer = ask(broker, "hi")
        models = send(broker, "/v1/models?api_key=k").json
    assert answer.json["model"] == "scripted-model" and answer.json["system_fingerprint"] == "hero-scripted-broker"
    assert (
        answer.headers["X-Scripted-Broker"] == "script" and answer.headers["Server"].strip() == "hero-scripted-broker"
    )
    assert models["data"][0]["owned_by"] == "hero-scripted-broker"
    assert log.getvalue() == "scripted broker: POST /v1/chat/completions → 200 greeting\n"
    assert answer.json["usage"] == {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    assert broker.requests[0]["messages"][0]["content"] == "hi"


@pytest.mark.parametrize(
    ("when", "request_", "fits"),
    [
        ({"model": "gpt-*"}, {"model": "gpt-5"}, True),
        ({"model": "gpt-*"}, {"model": "other"}, False),
        ({"system": "terse"}, {"messages": [{"role": "developer", "content": "be terse"}]}, True),
        ({"system": "terse"}, {"messages": [{"role": "user", "content": "be terse"}]}, False),
        (
            {"any": "first"},
            {"messages": [{"role": "user", "content": "first"}, {"role": "user", "content": "last"}]},
            True,
        ),
        (
            {"last": "first"},
            {"messages": [{"role": "user", "content": "first"}, {"role": "user", "content": "last"}]},
            False,
        ),
        (
            {"last": "in parts"},
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "in parts"}]}]},
            True,
        ),
        ({"role": "tool"}, {"messages": [{"role": "tool", "content": "12"}]}, True),
        ({"tools": ["add"]}, {"tools": [{"type": "function", "function": {"name": "add"}}]}, True),
        ({"tools": ["add"]}, {"tools": []}, False),
        ({"stream": False}, {"stream": True}, False),
    ],
)
def test_a_reply_is_given_to_the_requests_that_its_when_fits(when: Any, request_: Any, fits: bool) -> None:
    answer = Script({"replies": [{"when": when, "content": "x"}]}).answer({"messages": [], **request_})
    assert (not isinstance(answer, str)) is fits


def test_replies_are_used_in_order_and_as_often_as_their_times_say() -> None:
    with ScriptedBroker(
        {"replies": [{"content": "one", "times": 1}, {"content": "two", "times": 1}]}, log=None
    ) as broker:
        texts = [ask(broker, "hi").json["choices"][0]["message"]["content"] for _ in range(2)]
        refused = ask(broker, "hi")
    assert texts == ["one", "two"]
    assert (
        refused.status == 404
        and "replies[1] needs more uses: it was given as often" in refused.json["error"]["message"]
    )


def test_an_unknown_request_is_refused_and_told_what_it_would_have_needed() -> None:
    script = {"replies": [{"name": "tea", "when": {"last": "tea", "tools": ["brew"]}, "content": "x"}]}
    with ScriptedBroker(script, log=None) as broker:
        refused = ask(broker, "coffee")
    assert refused.status == 404 and refused.json["error"]["code"] == "no_scripted_reply"
    message = refused.json["error"]["message"]
    assert "last message 'coffee'" in message and "tea needs a last message with 'tea' and the tools brew" in message


def test_it_streams_text_tools_and_usage() -> None:
    reply = {
        "content": "Hello you.",
        "tool_calls": [{"name": "add", "arguments": {"a": 1}}],
        "usage": {"prompt_tokens": 7},
    }
    with ScriptedBroker({"replies": [reply]}, log=None) as broker:
        events = ask(broker, "hi", stream=True, stream_options={"include_usage": True}).events
        without = ask(broker, "hi", stream=True).events
    deltas = [event["choices"][0]["delta"] for event in events if event["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Hello you."
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert calls[0]["function"]["name"] == "add"
    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == {"a": 1}
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert events[-1]["usage"]["prompt_tokens"] == 7 and events[-1]["choices"] == []
    assert all("usage" not in event for event in without)


def test_errors_have_the_status_and_the_headers_of_the_script() -> None:
    error = {"status": 429, "message": "slow down", "retry_after": 2}
    with ScriptedBroker({"replies": [{"error": error, "times": 1}, {"content": "now"}]}, log=None) as broker:
        limited, then = ask(broker, "hi"), ask(broker, "hi")
    assert limited.status == 429 and limited.headers["Retry-After"] == "2"
    assert limited.json["error"] == {
        "message": "slow down", "type": "rate_limit_exceeded", "param": None, "code": "rate_limit_exceeded",
    }  # fmt: skip
    assert then.status == 200


def test_a_stream_is_cut_where_the_script_says() -> None:
    with (
        ScriptedBroker({"replies": [{"content": "one two three", "cut_after": 2}]}, log=None) as broker,
        pytest.raises(http.client.IncompleteRead),
    ):
        ask(broker, "hi", stream=True)


def test_wrong_requests_are_refused_with_what_is_right() -> None:
    with ScriptedBroker({"api_key": "k", "replies": [{"content": "x"}]}, log=None) as broker:
        key = {"Authorization": "Bearer k"}
        assert "POST /v1/chat/completions" in send(broker, "/v1/other", {}).json["error"]["message"]
        assert send(broker, "/v1/other").status == 404
        assert ask(broker, "hi").status == 401
        assert send(broker, "/v1/chat/completions", b"{", **key).json["error"]["code"] == "invalid_body"
        assert send(broker, "/v1/chat/completions", {"messages": []}, **key).status == 200


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ({"replies": []}, r"script.replies: a script needs at least one reply"),
        ({"replies": [{}]}, r"script.replies\[0\]: a reply needs content, tool_calls or error"),
        ({"replies": [{"contents": "x"}]}, r"script.replies\[0\] has no 'contents'; it has name, when"),
        ({"replies": [{"content": 1}]}, r"script.replies\[0\].content must be a text, not 1"),
        (
            {"replies": [{"content": "x", "when": {"lst": "a"}}]},
            r"script.replies\[0\].when has no 'lst'; it has model, last",
        ),
        ({"replies": [{"tool_calls": [{"arguments": {}}]}]}, r"tool_calls\[0\] needs name"),
        ({"replies": [{"error": {"status": True}}]}, r"error.status must be a whole number"),
    ],
)
def test_a_wrong_script_is_refused_with_the_path_of_its_fault(script: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Script(script)


def test_it_is_a_command_too(tmp_path: Path) -> None:
    (tmp_path / "hello.json").write_text('{"replies": [{"content": "Hello."}]}')
    (tmp_path / "bad.json").write_text("{")
    command = [sys.executable, "-W", "error", "-m", "hero_tracing.testing.broker"]
    env = {"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"}
    for wrong in ("bad.json", "missing.json"):
        ended = subprocess.run([*command, str(tmp_path / wrong)], capture_output=True, text=True, env=env, timeout=30)
        assert ended.returncode == 2 and wrong in ended.stderr
    serving = subprocess.Popen([*command, str(tmp_path / "hello.json")], stderr=subprocess.PIPE, text=True, env=env)
    try:
        assert serving.stderr is not None
        told = serving.stderr.readline()
        assert told.startswith(
            "scripted broker: answers come from hello.json, no model stands behind them; listening on http://127.0.0.1:"
        )
    finally:
        serving.terminate()
        serving.communicate()
