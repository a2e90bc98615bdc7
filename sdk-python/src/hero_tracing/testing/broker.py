"""A scripted broker: an OpenAI-compatible HTTP server whose answers come from a script; no model stands behind it.

`python -m hero_tracing.testing.broker SCRIPT.json [--port N]` serves until it is interrupted; `ScriptedBroker(script)` does so
inside a test. It says what it is: in `system_fingerprint`, the model's name, the header `X-Scripted-Broker`, and its log.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TextIO

from .._errors import OptionError
from .script import Reply, Script

FINGERPRINT = "hero-scripted-broker"
HEADER = "X-Scripted-Broker"
_MOST_REQUEST = 16 * 1024 * 1024


class ScriptedBroker:
    """The broker in this process, on a free port of loopback (or on `port`).

    >>> with ScriptedBroker({"replies": [{"content": "Hello."}]}, log=None) as broker:
    ...     broker.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(
        self, script: str | Path | Mapping[str, Any], *, port: int = 0, log: TextIO | None = sys.stderr
    ) -> None:
        self.script = Script.load(script)
        self.requests: list[dict[str, Any]] = []  # the bodies, in the order of their arrival
        self._log = log
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.broker = self
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """What AIBROKER_URL, or the `base_url` of a client, must be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> ScriptedBroker:
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="scripted-broker", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        """Serves in this thread, until it is interrupted."""
        self.tell(f"answers come from {self.script.source}, no model stands behind them; listening on {self.url}")
        key = self.script.api_key or "any-key-of-8-characters"
        self.tell(
            f"start the runtime with AIBROKER_URL={self.url} AIBROKER_API_KEY={key} AIBROKER_MODEL={self.script.model}"
        )
        try:
            self._server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            self._server.server_close()

    def tell(self, text: str) -> None:
        if self._log is not None:
            self._log.write(f"scripted broker: {text}\n")
            self._log.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    broker: ScriptedBroker


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = FINGERPRINT
    sys_version = ""
    server: _Server

    def do_GET(self) -> None:
        path, model = self.path.partition("?")[0], self.server.broker.script.model
        described = {"id": model, "object": "model", "created": 0, "owned_by": FINGERPRINT}
        if path in ("/v1/models", "/models"):
            self._send(200, {"object": "list", "data": [described]})
        elif path in (f"/v1/models/{model}", f"/models/{model}"):
            self._send(200, described)
        else:
            self._refuse(
                404,
                f"this scripted broker has no {path}: it has /v1/models and POST /v1/chat/completions",
                "unknown_url",
            )

    def do_POST(self) -> None:
        broker = self.server.broker
        size = self.headers.get("Content-Length", "")
        if not size.isdigit() or int(size) > _MOST_REQUEST:
            self.close_connection = True
            return self._refuse(413, "the request needs a Content-Length of at most 16 MiB", "too_large")
        body = self.rfile.read(int(size))
        if self.path.partition("?")[0] not in ("/v1/chat/completions", "/chat/completions"):
            return self._refuse(
                404, f"this scripted broker has no POST {self.path}: it has POST /v1/chat/completions", "unknown_url"
            )
        wanted = broker.script.api_key
        if wanted is not None and self.headers.get("Authorization") != f"Bearer {wanted}":
            return self._refuse(401, "the API key is not the one that the script asks for (api_key)", "invalid_api_key")
        try:
            request = json.loads(body)
            if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
                raise ValueError
        except ValueError:
            return self._refuse(400, "the body must be a JSON object with a list of messages", "invalid_body")
        broker.requests.append(request)
        reply = broker.script.answer(request)
        if isinstance(reply, str):
            return self._refuse(404, reply, "no_scripted_reply")
        if reply.delay:
            time.sleep(reply.delay)
        if reply.error is not None:
            return self._error(reply)
        number = len(broker.requests)
        if request.get("stream"):
            self._stream(request, reply, number)
        else:
            self._say(200, reply.name)
            self._send(200, _completion(broker.script.model, request, reply, number))

    def _error(self, reply: Reply) -> None:
        given = reply.error or {}
        status = given.get("status", 500)
        retry = given.get("retry_after")
        headers = {} if retry is None else {"Retry-After": str(retry)}
        usual = "rate_limit_exceeded" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
        error = {
            "message": given.get("message", f"a scripted error ({reply.name})"),
            "type": given.get("type", usual),
            "param": None,
            "code": given.get("code", usual),
        }
        self._say(status, reply.name)
        self._send(status, {"error": error}, headers)

    def _refuse(self, status: int, message: str, code: str) -> None:
        self._say(status, message)
        self._send(
            status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
        )

    def _say(self, status: int, what: str) -> None:
        self.server.broker.tell(f"{self.command} {self.path.partition('?')[0]} → {status} {what}")

    def _send(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        text = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header(HEADER, self.server.broker.script.source)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, request: Mapping[str, Any], reply: Reply, number: int) -> None:
        """Server-sent events in HTTP chunks; `cut_after` so many, the connection breaks."""
        self._say(200, f"{reply.name}, streamed")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header(HEADER, self.server.broker.script.source)
        self.end_headers()
        for count, event in enumerate(_events(self.server.broker.script.model, request, reply, number)):
            if count == reply.cut_after:
                self.close_connection = True
                return
            data = f"data: {event}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """Nothing: the broker logs by itself."""


def _calls(reply: Reply, number: int) -> list[dict[str, Any]]:
    return [
        {
            "id": call.get("id", f"call_{number}_{index}"),
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call.get("arguments", {}), ensure_ascii=False)},
        }
        for index, call in enumerate(reply.tool_calls)
    ]


def _head(kind: str, model: str, number: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-scripted-{number}", "object": kind, "created": int(time.time()), "model": model, "system_fingerprint": FINGERPRINT,
    }  # fmt: skip


def _usage(request: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    """As the script says; else one token for each word."""
    words = sum(
        len(str(message.get("content") or "").split()) for message in request["messages"] if isinstance(message, dict)
    )
    counted = {
        "prompt_tokens": words,
        "completion_tokens": len((reply.content or "").split()) + 5 * len(reply.tool_calls),
    }
    usage: dict[str, Any] = {**counted, **(reply.usage or {})}
    usage.setdefault("total_tokens", usage["prompt_tokens"] + usage["completion_tokens"])
    return usage


def _completion(model: str, request: Mapping[str, Any], reply: Reply, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.content, "refusal": None}
    if reply.tool_calls:
        message["tool_calls"] = _calls(reply, number)
    return {
        **_head("chat.completion", model, number),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}],
        "usage": _usage(request, reply),
    }


def _events(model: str, request: Mapping[str, Any], reply: Reply, number: int) -> Iterator[str]:
    """The chunks of a streamed completion: a word each, then the tool calls, how it ended, and the usage where it was asked for."""

    def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> str:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        head = _head("chat.completion.chunk", model, number)
        return json.dumps({**head, "choices": choices, **more}, ensure_ascii=False)

    asked = request.get("stream_options")
    wants_usage = isinstance(asked, dict) and asked.get("include_usage") is True
    none = {"usage": None} if wants_usage else {}
    yield chunk({"role": "assistant", "content": ""}, **none)
    for word in _words(reply.content or ""):
        yield chunk({"content": word}, **none)
    for index, call in enumerate(_calls(reply, number)):
        function, arguments = call["function"], call["function"]["arguments"]
        yield chunk({"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]}, **none)
        for part in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]}, **none)
    yield chunk({}, reply.finish_reason, **none)
    if wants_usage:
        yield chunk(None, usage=_usage(request, reply))
    yield "[DONE]"


def _words(text: str) -> Iterator[str]:
    """The words with the white space behind them.

    >>> list(_words("Hello  you."))
    ['Hello  ', 'you.']
    """
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or (text[end - 1].isspace() and not text[end].isspace()):
            yield text[start:end]
            start = end


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "python -m hero_tracing.testing.broker", description="An OpenAI-compatible server that answers from a script."
    )
    parser.add_argument("script", help="a JSON file; docs/testing.md says what stands in it")
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1 (default: a free one)")
    options = parser.parse_args(arguments)
    try:
        broker = ScriptedBroker(options.script, port=options.port)
    except OptionError as error:
        print(error, file=sys.stderr)
        return 2
    broker.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
