"""A server that speaks Anthropic's Messages API as far as its client needs: whole, streamed, and refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

MODEL = "claude-haiku-4-5-20251001"


class AnthropicServer:
    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> AnthropicServer:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.owner.requests.append(request)  # type: ignore[attr-defined]
        if request["messages"][-1]["content"] == "too much":
            error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
            self._send(429, "application/json", json.dumps(error))
        elif request.get("stream"):
            text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _events())
            self._send(200, "text/event-stream", text)
        else:
            self._send(200, "application/json", json.dumps(_message("end_turn", "Hello there.", 12)))

    def _send(self, status: int, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def _message(stop: str | None, text: str, output: int) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "stop_reason": stop, "stop_sequence": None,
        "content": [{"type": "text", "text": text}] if text else [],
        "usage": {"input_tokens": 100, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 0, "output_tokens": output},
    }  # fmt: skip


def _events() -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": _message(None, "", 1)}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for word in ("Hello ", "there."):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
    yield {"type": "content_block_stop", "index": 0}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 12},
    }
    yield {"type": "message_stop"}


if __name__ == "__main__":
    with AnthropicServer() as server:
        print(f"listening on {server.url}", file=sys.stderr, flush=True)
        Event().wait()
